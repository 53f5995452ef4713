package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"earshot/internal/crdt"
	"earshot/internal/text"
)

// report is one line of the output; the package comment says what it means.
type report struct {
	File         string  `json:"file"`
	Format       string  `json:"format"`
	Agents       int     `json:"agents"`
	Events       int     `json:"events"`
	TextSHA256   string  `json:"textSha256"`
	TextBytes    int     `json:"textBytes"`
	OK           bool    `json:"ok"`
	LocalMs      float64 `json:"localMs"`
	ReplayMs     float64 `json:"replayMs"`
	LiveP50Us    float64 `json:"liveP50Us"`
	LiveP99Us    float64 `json:"liveP99Us"`
	EncodedBytes int     `json:"encodedBytes"`
	LoadMs       float64 `json:"loadMs"`
	HeapBytes    uint64  `json:"heapBytes"`
	RopeOnlyMs   float64 `json:"ropeOnlyMs"`

	wrong string // if it is not OK: the first session with another text
}

// passes of each measurement; after one that took longer than slowPass there is no other.
const (
	passes   = 3
	slowPass = 2 * time.Second
)

// route is a way to a session's final text.
type route func(*script) (*text.Rope, error)

func local(s *script) (*text.Rope, error) { return textOf(s.localDoc()) }

func (s *script) localDoc() (*crdt.Doc, error) {
	d := crdt.New(s.start)
	var at crdt.Frontier
	for i, step := range s.steps {
		if !step.goesOn {
			at = step.at
		}
		var err error
		if at, _, err = d.Edit(step.agent, at, s.edits[i:i+1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func bare(s *script) (*text.Rope, error) {
	r := text.New(s.start)
	for _, e := range s.effects {
		r.Replace(e.Pos, e.Del, e.Ins)
	}
	return r, nil
}

func merged(s *script) (*text.Rope, error) {
	d := crdt.New(s.start)
	if s.events > 0 {
		if _, err := d.Merge(s.encoding); err != nil {
			return nil, err
		}
	}
	return d.Text(), nil
}

func loaded(s *script) (*text.Rope, error) { return textOf(crdt.Load(s.snapshot)) }

func textOf(d *crdt.Doc, err error) (*text.Rope, error) {
	if err != nil {
		return nil, err
	}
	return d.Text(), nil
}

// live returns the route by one message for each transaction; it appends to took how long each of them needed.
func live(took *[]time.Duration) route {
	return func(s *script) (*text.Rope, error) {
		d := crdt.New(s.start)
		var in crdt.Receiver
		for _, b := range s.messages {
			begin := time.Now()
			m, err := in.Read(b)
			if err == nil {
				_, err = d.Receive(m)
			}
			*took = append(*took, time.Since(begin))
			if err != nil {
				return nil, err
			}
		}
		return d.Text(), nil
	}
}

// meter plays the sessions of one file by one route after the other.
type meter struct {
	scripts []*script
	passes  int
	wrong   *script // the first that ended with another text than the recorded one, if any did
}

// measure fills in all of a report but what the recording says.
func measure(scripts []*script, passes int) (report, error) {
	m := meter{scripts: scripts, passes: passes}
	var line report
	for _, s := range scripts {
		line.Events += s.events
		line.EncodedBytes += len(s.encoding)
	}
	var errs [6]error
	line.TextSHA256, line.TextBytes, errs[0] = m.final()
	line.HeapBytes, errs[1] = m.heap()
	line.LocalMs, errs[2] = m.best(local)
	line.RopeOnlyMs, _ = m.best(bare)
	line.ReplayMs, errs[3] = m.best(merged)
	line.LoadMs, errs[4] = m.best(loaded)
	line.LiveP50Us, line.LiveP99Us, errs[5] = m.live()
	if line.OK = m.wrong == nil; !line.OK {
		line.wrong = m.wrong.name
	}
	if err := errors.Join(errs[:]...); err != nil {
		return line, fmt.Errorf("was played once, but not again: %w", err)
	}
	return line, nil
}

// play takes all sessions by one route and returns their texts.
func (m *meter) play(r route) ([]*text.Rope, error) {
	texts := make([]*text.Rope, len(m.scripts))
	for i, s := range m.scripts {
		var err error
		if texts[i], err = r(s); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func (m *meter) check(texts []*text.Rope) {
	for i, s := range m.scripts {
		if m.wrong == nil && (texts[i].Size() != len(s.end) || texts[i].String() != s.end) {
			m.wrong = s
		}
	}
}

// final returns the hash and the length of all texts, one after the other.
func (m *meter) final() (hash string, size int, err error) {
	texts, err := m.play(local)
	if err != nil {
		return "", 0, err
	}
	sum := sha256.New()
	for _, t := range texts {
		sum.Write([]byte(t.String()))
		size += t.Size()
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}

// heap returns what the Docs of all sessions hold.
func (m *meter) heap() (uint64, error) {
	docs := make([]*crdt.Doc, len(m.scripts))
	before := liveHeap()
	for i, s := range m.scripts {
		var err error
		if docs[i], err = s.localDoc(); err != nil {
			return 0, err
		}
	}
	after := liveHeap()
	runtime.KeepAlive(docs)
	return after - min(before, after), nil
}

// liveHeap collects twice: the first time may only have ended what was under way.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// repeat makes the passes of one measurement.
func (m *meter) repeat(pass func() error) error {
	for range m.passes {
		runtime.GC()
		begin := time.Now()
		if err := pass(); err != nil {
			return err
		}
		if time.Since(begin) > slowPass {
			break
		}
	}
	return nil
}

// best returns in ms what a route takes.
func (m *meter) best(r route) (float64, error) {
	best := time.Duration(math.MaxInt64)
	err := m.repeat(func() error {
		begin := time.Now()
		texts, err := m.play(r)
		best = min(best, time.Since(begin))
		if err == nil {
			m.check(texts)
		}
		return err
	})
	return in(best, time.Millisecond), err
}

// live returns in µs what a message takes, the median and the 99th percentile.
func (m *meter) live() (p50, p99 float64, err error) {
	best50, best99 := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	var took []time.Duration
	err = m.repeat(func() error {
		took = took[:0]
		texts, err := m.play(live(&took))
		if err != nil {
			return err
		}
		m.check(texts)
		slices.Sort(took)
		best50, best99 = min(best50, percentile(took, 50)), min(best99, percentile(took, 99))
		return nil
	})
	return in(best50, time.Microsecond), in(best99, time.Microsecond), err
}

// percentile returns what p of 100 of the sorted durations are not above; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

// in returns d in a unit, to a thousandth.
func in(d, unit time.Duration) float64 {
	return math.Round(float64(d)/float64(unit)*1000) / 1000
}
