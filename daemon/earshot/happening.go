package main

import (
	"fmt"
	"strings"
	"time"

	"earshot/protocol"
)

// happeningLine is a happening as a line for people. me is the member that they are themselves, "" where that is not known.
func happeningLine(h *protocol.Happening, me string) string {
	return clock(h.Time) + "  " + happeningText(h, me)
}

// clock gives the time of day of an RFC 3339 time in this machine's zone.
func clock(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return "--:--:--"
	}
	return t.Local().Format(time.TimeOnly)
}

func happeningText(h *protocol.Happening, me string) string {
	who, role := "somebody", ""
	if h.Member != nil {
		who, role = plain(h.Member.Name), plain(string(h.Member.Role))
	}
	because := ""
	if h.Reason != "" && h.Reason != h.Event { // one who left because they left
		because = ": " + plain(h.Reason)
	}
	switch h.Event {
	case "opened":
		return "the session is open, code " + plain(h.Code)
	case "code":
		if h.Code == "" {
			if h.Message != "" {
				return plain(h.Message)
			}
			return "the code is void"
		}
		return "the code is now " + plain(h.Code) + after(h.Message)
	case "waiting":
		return fmt.Sprintf("%s (name not verified)%s asks to come in as %s, check %s", who, withClient(h.Member), role, plain(h.Check))
	case "joined":
		if h.Check != "" { // where nobody was asked, and nobody has compared it
			return fmt.Sprintf("%s came in as %s, check %s", who, role, plain(h.Check))
		}
		return fmt.Sprintf("%s came in as %s", who, role)
	case "role":
		if h.Member != nil && h.Member.ID == me {
			return "you are now " + withArticle(role)
		}
		return who + " is now " + withArticle(role)
	case "returned":
		return who + " is back"
	case "refused":
		return who + " was not let in" + because
	case "gone":
		return who + " gave up waiting"
	case "left":
		return who + " left" + because
	case "changed":
		if h.Member == nil { // a guest is not told who
			return shownURI(h.URI) + " changed"
		}
		return fmt.Sprintf("%s changed %s", who, shownURI(h.URI))
	case "called":
		return strings.TrimSuffix(plain(h.Message), ".")
	case "widened":
		return shownURI(h.URI) + " is shared too"
	case "created", "deleted", "renamed":
		return nameHappening(h, who)
	case "saved":
		return shownURI(h.URI) + " was saved"
	case "ended":
		if h.Reason == removedReason {
			return "you were removed: the host sent you out of the session"
		}
		return "the session has ended" + because
	}
	return otherHappening(h, because)
}

// nameHappening tells what became of a file or folder; a guest is not told who did it, nor whether what is new was only shared.
func nameHappening(h *protocol.Happening, who string) string {
	what, by := shownURI(h.URI), " by "+who
	if h.Member == nil {
		by = ""
	}
	switch h.Event {
	case "created":
		if h.Member == nil {
			return what + " is there now"
		}
		return what + " was made" + by
	case "deleted":
		return what + " was deleted" + by
	}
	return shownURI(h.From) + " was renamed to " + what + by
}

// removedReason is what a host's daemon gives as the reason when it sends a guest out; nothing else tells it from an end for all.
const removedReason = "the host removed you from the session"

// letIn says how one who waits is let in, "" of any other happening.
func letIn(h *protocol.Happening) string {
	if h.Event != "waiting" || h.Member == nil {
		return ""
	}
	return fmt.Sprintf("; let them in with `earshot admit %s`", plain(h.Member.ID))
}

func withArticle(role string) string {
	if strings.HasPrefix(role, "e") {
		return "an " + role
	}
	return "a " + role
}

// withClient says with which program a guest comes, as it says itself.
func withClient(m *protocol.Member) string {
	if m == nil || m.Client == "" {
		return ""
	}
	return " with " + plain(m.Client)
}

// otherHappening shows what a newer daemon tells.
func otherHappening(h *protocol.Happening, because string) string {
	line := plain(h.Event)
	if h.Member != nil {
		line += " " + plain(h.Member.Name)
	}
	if h.URI != "" {
		line += " " + shownURI(h.URI)
	}
	return line + because + after(h.Message)
}

func after(message string) string {
	if message == "" {
		return ""
	}
	return ": " + plain(message)
}
