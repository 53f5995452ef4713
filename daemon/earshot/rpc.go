package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"earshot/protocol"
)

func rpcCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "rpc METHOD [PARAMS-JSON]",
		Short: "Send the daemon one request and print the result",
		Long: "Opens a connection, initializes it, sends one request of the editor's protocol and prints the result as JSON. On " +
			"an error reply {\"error\": {code, message, data}} is printed instead, and the exit code is 1. A session that is opened " +
			"like this goes on for two minutes, or with \"linger\": true until it is told to end.",
		Example: examples(
			"earshot rpc session/list", "without params",
			`earshot rpc file/list '{"session":"k2j8d0s9aa"}'`, "with params",
			"earshot rpc session/invite - <params.json", "params from standard input"),
		Args: arguments(1, 2, "the method"),
		RunE: func(c *cobra.Command, args []string) error { return p.rpc(c.Context(), args) },
	}
	p.addJSON(c)
	return c
}

func (p *program) rpc(ctx context.Context, args []string) error {
	params, err := p.params(args[1:])
	if err != nil {
		return err
	}
	c, err := p.connectOrStart(ctx, kind{}, everything)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := untilInterrupted(ctx)
	defer stop()
	result, err := c.request(ctx, args[0], params)
	var e *protocol.Error
	if errors.As(err, &e) {
		if err := p.printJSON(map[string]any{"error": e}); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return p.printJSON(result)
}

// request sends a request, or a notification and then shutdown, whose answer tells that it was taken.
func (c *client) request(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	if method == "initialize" {
		return json.Marshal(c.hello)
	}
	var result json.RawMessage
	if isNotification(method) {
		if err := c.Notify(method, params); err != nil {
			return nil, err
		}
		err := c.Call(ctx, "shutdown", nil, nil)
		if err == nil && c.warning != "" {
			err = errors.New(c.warning)
		}
		return json.RawMessage("null"), err
	}
	err := c.Call(ctx, method, params, &result)
	return result, err
}

// isNotification tells whether the protocol knows the method as one that has no answer.
func isNotification(method string) bool {
	_, err := protocol.DecodeDaemon(method, json.RawMessage("{}"))
	return !protocol.IsRequest(method) && !errors.Is(err, protocol.ErrMethodNotFound)
}

// params reads PARAMS-JSON; none is an empty object.
func (p *program) params(args []string) (json.RawMessage, error) {
	typed := "{}"
	if len(args) == 1 {
		typed = args[0]
	}
	if typed == "-" {
		var err error
		if typed, err = p.readText(); err != nil {
			return nil, err
		}
	}
	var any json.RawMessage
	if err := json.Unmarshal([]byte(typed), &any); err != nil {
		return nil, usagef("the params are not JSON (%s); write them in quotation marks, for instance '{\"session\":\"…\"}'", err)
	}
	if any[0] != '{' && any[0] != '[' {
		return nil, usagef("the params must be a JSON object, for instance '{\"session\":\"…\"}'")
	}
	return any, nil
}
