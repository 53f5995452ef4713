package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"earshot/daemon/settings"
)

// newRoot puts the commands together.
func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "earshot",
		Short: "Edit one text together, live, each in their own editor",
		Long: "Earshot lets several people edit one text at a time, live, each in their own editor. " +
			"One runs `earshot share` and reads the code to the others, who run `earshot join`.",
		Example: examples(
			"earshot share", "share this folder and print the code",
			"earshot join K7QM-3F9TXQ", "join it from another terminal or machine",
			"earshot status", "show what is shared, and with whom",
			"earshot try", "see it work, alone, with a scripted colleague",
		),
		Args:          unknownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return p.loadSettings(givenFlags(c.Flags()))
		},
	}
	root.SetArgs(p.args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%s; see `%s --help`", err, c.CommandPath())
	})
	root.SetHelpFunc(p.help(root.HelpFunc()))
	addSettings(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: "people", Title: "Share and join:"},
		&cobra.Group{ID: "scripts", Title: "For scripts and editors:"},
		&cobra.Group{ID: "servers", Title: "Behind the scenes:"})
	root.AddCommand(
		grouped("people", shareCommand(p), joinCommand(p), admitCommand(p), refuseCommand(p), roleCommand(p), removeCommand(p),
			inviteCommand(p), widenCommand(p), leaveCommand(p), statusCommand(p), tryCommand(p), doctorCommand(p))...)
	root.AddCommand(
		grouped("scripts", catCommand(p), editCommand(p), eventsCommand(p), rpcCommand(p), attachCommand(p), tapCommand(p))...)
	root.AddCommand(
		grouped("servers", daemonCommand(p), signalCommand(p), versionCommand(p))...)
	root.SetHelpCommandGroupID("servers")
	root.SetCompletionCommandGroupID("servers")
	return root
}

func grouped(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

// unknownCommand is what root gets as arguments when no command has the name.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see `earshot --help`"
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean `earshot %s`?", near[0])
	}
	return usagef("there is no command %q; %s", plain(args[0]), hint)
}

// arguments takes between least and most of them; most < 0 is any number. what names them for the sentence.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s is missing; see `%s --help`", what, c.CommandPath())
		case most >= 0 && len(args) > most:
			return usagef("%q is one argument too many; see `%s --help`", plain(args[most]), c.CommandPath())
		}
		return nil
	}
}

// addSettings makes a flag of each setting; its value is read by name, because only what was given counts.
func addSettings(flags *pflag.FlagSet) {
	for _, s := range settings.All() {
		if s.Bool {
			flags.Bool(s.Key, false, s.Usage)
			continue
		}
		flags.String(s.Key, "", s.Usage)
	}
}

func givenFlags(flags *pflag.FlagSet) map[string]string {
	given := map[string]string{}
	for _, s := range settings.All() {
		if f := flags.Lookup(s.Key); f != nil && f.Changed {
			given[s.Key] = f.Value.String()
		}
	}
	return given
}

// addJSON gives a command that prints state its --json.
func (p *program) addJSON(c *cobra.Command) {
	c.Flags().BoolVar(&p.json, "json", false, "print lines of JSON")
}

// addSession lets a command choose among several sessions.
func (p *program) addSession(c *cobra.Command) {
	c.Flags().StringVar(&p.session, "session", "", "id of the session, where several are open")
}

// exampleColumns is how wide a command line may be that has what it does beside it.
const exampleColumns = 42

// examples lays out pairs of a command line and what it does: beside it, or above a long one, which so can be copied whole.
func examples(pairs ...string) string {
	widest := 0
	for i := 0; i < len(pairs); i += 2 {
		if n := utf8.RuneCountInString(pairs[i]); n <= exampleColumns {
			widest = max(widest, n)
		}
	}
	var lines []string
	for i := 0; i < len(pairs); i += 2 {
		command, does := pairs[i], "# "+pairs[i+1]
		n := utf8.RuneCountInString(command)
		if n > exampleColumns {
			lines = append(lines, "  "+does, "  "+command)
			continue
		}
		lines = append(lines, "  "+command+strings.Repeat(" ", widest-n)+"  "+does)
	}
	return strings.Join(lines, "\n")
}

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

func newChoice(value string, others ...string) *choice {
	return &choice{value: value, words: append([]string{value}, others...)}
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(value string) error {
	for _, word := range c.words {
		if value == word {
			c.value = value
			return nil
		}
	}
	return fmt.Errorf("use %s", strings.Join(c.words, " or "))
}
