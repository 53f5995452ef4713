package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// replica of ours. How replicas speak while they are live is in edit and receive, and nowhere else here: a stream from
// each author to all others, as a host has one from each guest.
type replica struct {
	doc   *crdt.Doc
	agent crdt.Agent
	out   crdt.Sender
	in    []crdt.Receiver // by author, grown as they are heard of
}

func agent(n int) crdt.Agent { return crdt.Agent(n + 1) }

func start(n int) *replica { return &replica{doc: crdt.New(""), agent: agent(n)} }

// edit makes one transaction and its message.
func (r *replica) edit(t transaction) ([]byte, error) {
	before := r.doc.Head()
	if _, _, err := r.doc.Edit(r.agent, before, t.patch()); err != nil {
		return nil, err
	}
	return r.doc.Send(&r.out, nil, before), nil
}

// receive merges an author's message and returns what changed in the text.
func (r *replica) receive(author int, message []byte) (text.Patch, error) {
	for author >= len(r.in) {
		r.in = append(r.in, crdt.Receiver{})
	}
	m, err := r.in[author].Read(message)
	if err != nil {
		return nil, err
	}
	return r.doc.Receive(m)
}

func load(file []byte, n int) (*replica, error) {
	d, err := crdt.Load(file)
	return &replica{doc: d, agent: agent(n)}, err
}

// daemonGC is what the daemon sets, which is where this code runs.
const daemonGC = 400

func measureOurs(o Order) (Cell, error) {
	debug.SetGCPercent(daemonGC)
	t := &trace{}
	if o.Work != File {
		var err error
		if t, err = readTrace(o.Trace, o.Edits); err != nil {
			return Cell{}, err
		}
	}
	work, ok := map[Work]func(Order, *trace) (Cell, error){Prepare: prepare, Local: local, Live: live, Told: told, File: file}[o.Work]
	if !ok {
		return Cell{}, fmt.Errorf("no work is called %q", o.Work)
	}
	c, err := work(o, t)
	c.ClockNs = clockNs()
	return c, err
}

func prepare(o Order, t *trace) (Cell, error) {
	last, err := prepareReplica(o, t)
	if err != nil {
		return Cell{}, err
	}
	c := Cell{Done: len(t.Txns), Total: len(t.Txns), TextSHA256: hash(last.doc.Text().String())}
	return c, os.WriteFile(o.Kept+".file", last.doc.Snapshot(), 0o600)
}

// prepareReplica returns a replica that has the whole trace, and writes the messages of one that is concurrent.
func prepareReplica(o Order, t *trace) (*replica, error) {
	if t.concurrent() {
		messages, last, err := t.converse()
		if err != nil {
			return nil, err
		}
		return last, writeMessages(o.Kept+".messages", messages)
	}
	r := start(0)
	for _, txn := range t.Txns {
		if _, err := r.edit(txn); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// converse gives the message of each transaction, made by a replica of its author that has seen what the author had, and
// the first author's replica with all of them.
func (t *trace) converse() (messages [][]byte, last *replica, err error) {
	type author struct {
		*replica
		seen []bool
	}
	authors := make(map[int]author)
	catchUp := func(a author, parents []int) error {
		for _, i := range t.unseen(a.seen, parents) {
			if _, err := a.receive(t.Txns[i].Agent, messages[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for i, txn := range t.Txns {
		a, ok := authors[txn.Agent]
		if !ok {
			a = author{start(txn.Agent), make([]bool, len(t.Txns))}
			authors[txn.Agent] = a
		}
		if err := catchUp(a, txn.Parents); err != nil {
			return nil, nil, err
		}
		m, err := a.edit(txn)
		if err != nil {
			return nil, nil, err
		}
		messages, a.seen[i] = append(messages, m), true
	}
	first := authors[t.Txns[0].Agent]
	all := make([]int, len(t.Txns))
	for i := range all {
		all[i] = i
	}
	return messages, first.replica, catchUp(first, all)
}

func local(o Order, t *trace) (Cell, error) {
	return timed(o, len(t.Txns), func(r *replica, i int) (int, error) {
		m, err := r.edit(t.Txns[i])
		return len(m), err
	})
}

func live(o Order, t *trace) (Cell, error) {
	messages, err := readMessages(o.Kept + ".messages")
	if err != nil {
		return Cell{}, err
	}
	return timed(o, len(messages), func(r *replica, i int) (int, error) {
		_, err := r.receive(t.Txns[i].Agent, messages[i])
		return len(messages[i]), err
	})
}

// told is live, for ours, once its changes were seen to make the text.
func told(o Order, t *trace) (Cell, error) {
	messages, err := readMessages(o.Kept + ".messages")
	if err != nil {
		return Cell{}, err
	}
	r, mirror := start(100), text.New("")
	for i, m := range messages {
		p, err := r.receive(t.Txns[i].Agent, m)
		if err != nil {
			return Cell{}, err
		}
		mirror.Apply(p)
	}
	if !mirror.Equal(r.doc.Text()) {
		return Cell{}, errors.New("the changes that were told do not make the text")
	}
	return live(o, t)
}

// each does the i-th thing to a replica and tells the bytes of its message.
type each func(r *replica, i int) (int, error)

// timed makes the passes that Cell tells of.
func timed(o Order, n int, do each) (Cell, error) {
	first, err := pass(o, n, do)
	if err != nil {
		return Cell{}, err
	}
	c, err := warm(o, first, do)
	if err != nil {
		return Cell{}, err
	}
	times, err := spread(o, first.Done, do)
	c.P50Us, c.P99Us, c.MaxUs = percentiles(times)
	c.FirstMs = first.WallMs
	return c, err
}

// passes is how many warm ones there are at most; none begins once warmMs of them are over.
const (
	passes = 5
	warmMs = 3000
)

// warm is the quickest of some passes after the first: what else the machine did only makes one slower.
func warm(o Order, first Cell, do each) (Cell, error) {
	best, spent := first, 0.0
	for i := 0; i < passes && spent < warmMs && first.Done == first.Total; i++ {
		c, err := pass(o, first.Total, do)
		if err != nil {
			return c, err
		}
		if c.TextSHA256 != first.TextSHA256 {
			return c, errors.New("two passes ended with two texts")
		}
		if spent += c.WallMs; i == 0 || c.WallMs < best.WallMs {
			best = c
		}
	}
	return best, nil
}

// stretch is how many items lie between two looks at the clock, in a pass that does not take the time of each.
const stretch = 64

func pass(o Order, n int, do each) (Cell, error) {
	c, r := Cell{Total: n}, start(100)
	runtime.GC()
	cpu, begun := cpuTime(), time.Now()
	for c.Done < n && c.WallMs < o.BudgetMs {
		for end := min(c.Done+stretch, n); c.Done < end; c.Done++ {
			size, err := do(r, c.Done)
			if err == nil && size == 0 {
				err = fmt.Errorf("edit %d has no message", c.Done)
			}
			if err != nil {
				return c, err
			}
			c.Bytes += size
		}
		c.WallMs = ms(time.Since(begun))
	}
	c.CPUMs = ms(cpuTime() - cpu)
	read := time.Now()
	s := r.doc.Text().String()
	c.TextMs = ms(time.Since(read))
	c.TextSHA256 = hash(s)
	return c, nil
}

// spread is the time of each item, in nanoseconds.
func spread(o Order, n int, do each) ([]int64, error) {
	r, times := start(100), make([]int64, 0, n)
	runtime.GC()
	begun := time.Now()
	for i := range n {
		before := time.Now()
		if _, err := do(r, i); err != nil {
			return nil, err
		}
		after := time.Now()
		if times = append(times, after.Sub(before).Nanoseconds()); ms(after.Sub(begun)) > o.BudgetMs {
			break
		}
	}
	return times, nil
}

func file(o Order, _ *trace) (Cell, error) {
	bytes, err := os.ReadFile(o.Kept + ".file")
	if err != nil {
		return Cell{}, err
	}
	before := memory()
	held := make([]loaded, o.Replicas)
	for i := range held {
		if held[i], err = loadAndSave(bytes); err != nil {
			return Cell{}, err
		}
	}
	c := Cell{Done: 1, Total: 1, Bytes: len(bytes), HeapBytes: (memory() - before) / float64(o.Replicas)}
	first := held[0]
	runtime.KeepAlive(held)
	var loads, saves []float64
	for begun := time.Now(); len(loads) == 0 || len(loads) < o.Repeats && ms(time.Since(begun)) < o.BudgetMs; {
		again, err := loadAndSave(bytes)
		if err != nil {
			return Cell{}, err
		}
		loads, saves = append(loads, again.loadMs), append(saves, again.saveMs)
	}
	c.FirstLoadMs, c.FirstSaveMs, c.TextSHA256 = first.loadMs, first.saveMs, first.textSHA256
	c.LoadMs, c.SaveMs = median(loads), median(saves)
	return c, nil
}

type loaded struct {
	*replica
	loadMs, saveMs float64
	textSHA256     string
}

func loadAndSave(file []byte) (loaded, error) {
	begun := time.Now()
	r, err := load(file, 100)
	if err != nil {
		return loaded{}, err
	}
	s := r.doc.Text().String()
	l := loaded{replica: r, loadMs: ms(time.Since(begun)), textSHA256: hash(s)}
	if _, err := r.edit(transaction{Patches: []patch{{pos: r.doc.Text().Len() / 2, ins: "x"}}}); err != nil {
		return loaded{}, err
	}
	edited := time.Now()
	r.doc.Snapshot()
	l.saveMs = ms(time.Since(edited))
	return l, nil
}

// memory that is held, in bytes.
func memory() float64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// clockNs is what one reading of the clock adds to each time.
func clockNs() float64 {
	const n = 100_000
	begun := time.Now()
	for range n {
		_ = time.Now()
	}
	return float64(time.Since(begun).Nanoseconds()) / n
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// writeMessages writes, for each, its length (4 bytes, little endian) and its bytes.
func writeMessages(path string, messages [][]byte) error {
	var b []byte
	for _, m := range messages {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(m)))
		b = append(b, m...)
	}
	return os.WriteFile(path, b, 0o600)
}

func readMessages(path string) ([][]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	for len(b) > 0 {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.LittleEndian.Uint32(b)) {
			return nil, fmt.Errorf("%s ends within a message", path)
		}
		end := 4 + int(binary.LittleEndian.Uint32(b))
		messages, b = append(messages, b[4:end:end]), b[end:]
	}
	return messages, nil
}
