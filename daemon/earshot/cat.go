package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

func catCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "cat URI",
		Short: "Print a shared document",
		Long: "Prints a shared document as it is now, saved or not. URI is earshot://SESSION/path, the host's own file: or " +
			"untitled: URI, or just the path of a file in the shared folder.",
		Example: examples(
			"earshot cat notes.md", "a file of the shared folder",
			"earshot cat earshot://k2j8d0s9aa/notes.md", "of this session"),
		Args: arguments(1, 1, "the document's URI"),
		RunE: func(c *cobra.Command, args []string) error { return p.cat(c.Context(), args[0]) },
	}
	p.addSession(c)
	return c
}

func (p *program) cat(ctx context.Context, typed string) error {
	c, err := p.connectToShared(ctx, kind{})
	if err != nil {
		return err
	}
	defer c.Close()
	uri, err := p.documentURI(ctx, c, typed)
	if err != nil {
		return err
	}
	text, err := c.content(ctx, uri)
	if err != nil {
		return err
	}
	if isTerminal(p.out) {
		text = plainText(text)
	}
	_, err = io.WriteString(p.out, text)
	return err
}
