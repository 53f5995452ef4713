package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"unicode/utf8"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// maxFile bounds a file's JSON, in bytes: the longest known session, of 650,000 keystrokes, needs 120 for each, 78 MB.
const maxFile = 512 << 20

// The formats, as they are reported.
const (
	sequential = "sequential"
	concurrent = "concurrent"
	histories  = "histories"
)

// recording is what a file holds.
type recording struct {
	format   string
	authors  int
	sessions []session // one, unless these are histories
}

// session is one document from its first text to its last.
type session struct {
	name       string // within the file; "" if it is the only one
	start, end string
	txns       []txn
}

// txn is what an author did in one go.
type txn struct {
	author  uint32   // place among the session's authors in the order that breaks ties
	seq     uint32   // how many events of the author come before
	parents []uint32 // what it was made on, as numbers of events; not necessarily concurrent ones
	edits   []text.Edit
	events  int
}

// The JSON of all formats together. A pointer tells what is absent from what is empty.
type jsonSession struct {
	Kind         string     `json:"kind"`
	StartContent string     `json:"startContent"`
	EndContent   *string    `json:"endContent"`
	Txns         *[]jsonTxn `json:"txns"`
}

type jsonTxn struct {
	Span     *[2]int  `json:"span"`
	Parents  *[]int   `json:"parents"`
	Agent    author   `json:"agent"`
	SeqStart *uint32  `json:"seqStart"`
	Patches  *[]patch `json:"patches"`
	Ops      *[]patch `json:"ops"`
}

// read returns the recording in r, whose JSON may be up to limit bytes long. Its errors are sentences about the file.
func read(r io.Reader, limit int64) (*recording, error) {
	plain, err := unpacked(r)
	if err != nil {
		return nil, err
	}
	bounded := &io.LimitedReader{R: plain, N: limit + 1}
	found, err := sessionsIn(bounded)
	switch {
	case bounded.N <= 0:
		return nil, fmt.Errorf("is longer than %d bytes: replay it in parts", limit)
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, errors.New("holds no session: is it the right file?")
	}
	return newRecording(found)
}

// unpacked tells gzip by its first bytes: a name says little about a file that was fetched.
func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("can't be read: %w", errWithoutPath(err))
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("is no whole gzip file: %w", err)
	}
	return z, nil
}

// errWithoutPath drops the path that an error of package os names: who prints it has named the file.
func errWithoutPath(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// sessionsIn reads one object after the other; an array is as good as what it holds.
func sessionsIn(r io.Reader) (found []jsonSession, err error) {
	b := bufio.NewReader(r)
	isArray, err := beginsArray(b)
	if err != nil {
		return nil, jsonError(err)
	}
	dec := json.NewDecoder(b)
	if isArray {
		_, _ = dec.Token() // the bracket just seen
	}
	for dec.More() {
		var s jsonSession
		if err := dec.Decode(&s); err != nil {
			return nil, jsonError(err)
		}
		found = append(found, s)
	}
	if isArray {
		if _, err := dec.Token(); err != nil {
			return nil, jsonError(err)
		}
	}
	switch _, err := dec.Token(); {
	case err == nil:
		return nil, errors.New("goes on after its end: is it two files in one?")
	case !errors.Is(err, io.EOF):
		return nil, jsonError(err)
	}
	return found, nil
}

// beginsArray looks at the first byte that is not space, and leaves it there.
func beginsArray(b *bufio.Reader) (bool, error) {
	for {
		c, err := b.ReadByte()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c == '[', b.UnreadByte()
		}
	}
}

func jsonError(err error) error {
	wrongType, isWrongType := errors.AsType[*json.UnmarshalTypeError](err)
	syntax, isSyntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, errPatch), errors.Is(err, errAuthor):
		return fmt.Errorf("is of no known format: %w", err)
	case isWrongType && wrongType.Field == "":
		return fmt.Errorf("is of no known format: it holds a JSON %s where a session belongs", wrongType.Value)
	case isWrongType:
		return fmt.Errorf("is of no known format: %q is a JSON %s", wrongType.Field, wrongType.Value)
	case isSyntax:
		return fmt.Errorf("is not JSON: %w, near byte %d", err, syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("ends early: fetch it again")
	}
	return fmt.Errorf("can't be read: %w", errWithoutPath(err))
}

var (
	errPatch  = errors.New(`a patch is [position, deleted, "inserted"] with numbers from 0 to the largest text`)
	errAuthor = errors.New("an agent is a whole number or a string")
)

// patch is [position, deleted, "inserted"]. Early traces have a time behind that.
type patch text.Edit

func (p *patch) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if json.Unmarshal(b, &parts) != nil || len(parts) < 3 {
		return errPatch
	}
	var ok1, ok2 bool
	p.Pos, ok1 = count(parts[0])
	p.Del, ok2 = count(parts[1])
	if !ok1 || !ok2 || parts[2][0] != '"' || json.Unmarshal(parts[2], &p.Ins) != nil {
		return errPatch
	}
	return nil
}

func count(b []byte) (int, bool) {
	n, err := strconv.ParseUint(string(b), 10, 64)
	return int(n), err == nil && n <= crdt.MaxText
}

// author is an agent's number or, where that is what the file has, its name. Numbers come before names.
type author struct {
	number uint64
	name   string
	named  bool
}

func (a *author) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		a.named = true
		return json.Unmarshal(b, &a.name)
	}
	var err error
	if a.number, err = strconv.ParseUint(string(b), 10, 64); err != nil {
		return errAuthor
	}
	return nil
}

func (a author) compare(b author) int {
	switch {
	case a.named && !b.named:
		return 1
	case b.named && !a.named:
		return -1
	}
	return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name))
}

// is tells whether all transactions of s have what makes up a format.
func (s *jsonSession) is(format string) bool {
	if s.EndContent == nil || s.Txns == nil {
		return false
	}
	return !slices.ContainsFunc(*s.Txns, func(t jsonTxn) bool {
		switch format {
		case sequential:
			return t.Parents != nil || t.Patches == nil
		case concurrent:
			return t.Parents == nil || t.Span != nil || t.Ops != nil // what only merges may have no patches
		}
		return t.Parents == nil || t.Span == nil || t.Ops == nil
	})
}

func formatOf(found []jsonSession) (string, error) {
	first := &found[0]
	switch {
	case len(found) > 1:
		for i := range found {
			if !found[i].is(histories) {
				return "", fmt.Errorf("holds several sessions, of which number %d is no history: give each trace its own file", i+1)
			}
		}
		return histories, nil
	case (first.Kind == "" || first.Kind == sequential) && first.is(sequential):
		return sequential, nil
	case (first.Kind == "" || first.Kind == concurrent) && first.is(concurrent):
		return concurrent, nil
	case first.Kind == "" && first.is(histories):
		return histories, nil
	}
	return "", errors.New("is of no known format: a session has an endContent and txns, -h says how these look")
}

func newRecording(found []jsonSession) (*recording, error) {
	format, err := formatOf(found)
	if err != nil {
		return nil, err
	}
	rec := &recording{format: format, sessions: make([]session, len(found))}
	var everyone []author
	for i := range found {
		s, authors, err := found[i].session(format)
		if len(found) > 1 {
			s.name = fmt.Sprintf("history %d of %d: ", i+1, len(found))
		}
		if err != nil {
			return nil, fmt.Errorf("%s%w", s.name, err)
		}
		rec.sessions[i] = s
		everyone = append(everyone, authors...)
	}
	rec.authors = len(distinct(everyone))
	return rec, nil
}

func distinct(authors []author) []author {
	slices.SortFunc(authors, author.compare)
	return slices.Compact(authors)
}

// session numbers the events and names the parents by these numbers.
func (s *jsonSession) session(format string) (session, []author, error) {
	txns := *s.Txns
	authors := []author{{}}
	if format != sequential {
		authors = authors[:0]
		for _, t := range txns {
			authors = append(authors, t.Agent)
		}
		authors = distinct(authors)
	}
	out := session{start: s.StartContent, end: *s.EndContent, txns: make([]txn, len(txns))}
	if len(out.start) > crdt.MaxText {
		return out, nil, fmt.Errorf("begins with more than the %d bytes that a document may have", crdt.MaxText)
	}
	n := numbering{format: format, written: make([]uint32, len(authors))}
	for i, t := range txns {
		who, _ := slices.BinarySearchFunc(authors, t.Agent, author.compare)
		var err error
		if out.txns[i], err = n.add(t, uint32(who)); err != nil {
			return out, nil, fmt.Errorf("txns[%d] %w", i, err)
		}
	}
	return out, authors, nil
}

// numbering counts events while the transactions of one session are gone through.
type numbering struct {
	format  string
	events  int
	written []uint32   // for each author: how many events
	after   [][]uint32 // for each transaction: what leads to the text it left
}

func (n *numbering) add(t jsonTxn, who uint32) (txn, error) {
	out := txn{author: who, seq: n.written[who]}
	if t.SeqStart != nil {
		out.seq = *t.SeqStart
	}
	patches := t.Patches
	if n.format == histories {
		patches = t.Ops
	}
	if patches != nil {
		for _, p := range *patches {
			out.edits = append(out.edits, text.Edit(p))
			out.events += p.Del + utf8.RuneCountInString(p.Ins)
		}
	}
	var err error
	if out.parents, err = n.parents(t); err != nil {
		return out, err
	}
	if n.events+out.events > crdt.MaxEvents {
		return out, fmt.Errorf("passes the %d events that a document may have", crdt.MaxEvents)
	}
	if n.format == histories && *t.Span != [2]int{n.events, n.events + out.events} {
		return out, fmt.Errorf("says that its events are %d to %d, they are %d to %d",
			t.Span[0], t.Span[1], n.events, n.events+out.events)
	}
	n.events += out.events
	n.written[who] = out.seq + uint32(out.events)
	left := out.parents
	if out.events > 0 {
		left = []uint32{uint32(n.events - 1)}
	}
	n.after = append(n.after, left)
	return out, nil
}

// parents returns what a transaction was made on, as numbers of events.
func (n *numbering) parents(t jsonTxn) ([]uint32, error) {
	if n.format == sequential {
		if len(n.after) == 0 {
			return nil, nil
		}
		return n.after[len(n.after)-1], nil
	}
	known := n.events
	if n.format == concurrent {
		known = len(n.after)
	}
	var parents []uint32
	for _, p := range *t.Parents {
		switch {
		case p < 0 || p >= known:
			return nil, fmt.Errorf("was made on %d, which does not come before it", p)
		case n.format == histories:
			parents = append(parents, uint32(p))
		case len(*t.Parents) == 1:
			return n.after[p], nil
		default:
			parents = append(parents, n.after[p]...)
		}
	}
	slices.Sort(parents)
	return slices.Compact(parents), nil
}
