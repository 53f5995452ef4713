package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"earshot/internal/rpc"
	"earshot/internal/text"
	"earshot/protocol"
)

func editCommand(p *program) *cobra.Command {
	var at string
	var del int
	c := &cobra.Command{
		Use:   "edit URI --at LINE:COL [--delete N] TEXT",
		Short: "Change a shared document",
		Long: "Inserts TEXT at LINE:COL, after deleting N characters there. LINE and COL count from 1; COL and N count code " +
			"points, and a line end is one. A COL past the end of its line means that end. TEXT is taken literally; - reads it " +
			"from standard input. URI is as for `earshot cat`.",
		Example: examples(
			"earshot edit notes.md --at 1:1 'hello '", "insert at the beginning",
			"earshot edit notes.md --at 3:5 --delete 4 ''", "delete four characters",
			"date | earshot edit notes.md --at 2:1 -", "insert what a program prints"),
		Args: arguments(1, 2, "the document's URI"),
		RunE: func(c *cobra.Command, args []string) error { return p.edit(c.Context(), args, at, del) },
	}
	c.Flags().StringVar(&at, "at", "", "where, as `LINE:COL`")
	c.Flags().IntVar(&del, "delete", 0, "how many characters to delete there")
	p.addSession(c)
	return c
}

func (p *program) edit(ctx context.Context, args []string, at string, del int) error {
	where, err := parsePlace(at)
	switch {
	case at == "":
		return usagef("--at is missing: say where, for instance --at 1:1")
	case err != nil:
		return usagef("%s", err)
	case del < 0:
		return usagef("--delete %d is no number of characters; give 0 or more", del)
	case len(args) < 2 && del == 0:
		return usagef("the text is missing; give it as the last argument, or - to read standard input")
	}
	insert, err := p.insertion(args[1:])
	if err != nil {
		return err
	}
	c, err := p.connectToShared(ctx, kind{follows: true})
	if err != nil {
		return err
	}
	defer c.Close()
	uri, err := p.documentURI(ctx, c, args[0])
	if err != nil {
		return err
	}
	return c.change(ctx, uri, func(t *text.Rope) (text.Edit, error) { return where.edit(t, del, insert) })
}

func (p *program) insertion(args []string) (string, error) {
	switch {
	case len(args) == 0:
		return "", nil
	case args[0] == "-":
		return p.readText()
	case !utf8.ValidString(args[0]):
		return "", usagef("the text is not UTF-8; write it in UTF-8, or convert it with iconv and give -")
	}
	return args[0], nil
}

// change opens a document as an editor would, makes one edit and sees that the daemon took it.
//
//	textDocumentContent ▶ didOpen ▶ (document/changed: it is attached) ▶ didChange ▶ didClose ▶ shutdown, the barrier
func (c *client) change(ctx context.Context, uri protocol.DocumentURI, where func(*text.Rope) (text.Edit, error)) error {
	body, err := c.content(ctx, uri)
	if err != nil {
		return err
	}
	b, err := c.open(uri, body)
	if err != nil {
		return err
	}
	if err := c.attached(ctx, uri); err != nil {
		return err
	}
	if err := b.edit(where); err != nil {
		return err
	}
	if err := b.close(); err != nil {
		return err
	}
	if err := c.Call(ctx, "shutdown", nil, nil); err != nil {
		return err
	}
	return c.complaint()
}

// attachPatience is how long a document that could be read a moment ago may take to be opened.
const attachPatience = 10 * time.Second

// attached waits until the daemon has found the document of a didOpen. A change sent before would be kept for it, but this
// connection would be gone before it is known whether it was taken.
func (c *client) attached(ctx context.Context, uri protocol.DocumentURI) error {
	patience := time.NewTimer(attachPatience)
	defer patience.Stop()
	for {
		select {
		case m := <-c.inbox:
			switch m := m.(type) {
			case question:
				c.decline(m.id)
			case *protocol.DocumentChanged:
				if m.URI == uri {
					return nil
				}
			case *protocol.ShowMessageParams:
				if m.Type == protocol.MessageError {
					return errors.New(m.Message)
				}
			}
		case <-patience.C:
			return fmt.Errorf("the daemon did not open %s in time, so nothing was changed; try again", shownURI(uri))
		case <-c.Done():
			return rpc.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// complaint is what the daemon said about the change, if it did not take it; it came before the barrier's answer.
func (c *client) complaint() error {
	for {
		select {
		case m := <-c.inbox:
			switch m := m.(type) {
			case question:
				c.decline(m.id)
			case *protocol.ShowMessageParams:
				if m.Type == protocol.MessageError {
					return errors.New(m.Message)
				}
			}
		default:
			return nil
		}
	}
}
