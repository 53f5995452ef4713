package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"earshot/protocol"
)

// selfTestStep is a line of `earshot try --check --json`; the last one is the result.
type selfTestStep struct {
	Event   string   `json:"event"` // check, result
	Step    string   `json:"step,omitempty"`
	OK      bool     `json:"ok"`
	Ms      *float64 `json:"ms,omitempty"`
	Message string   `json:"message,omitempty"`
}

const (
	// stepPatience is far more than any step takes on one machine.
	stepPatience = 20 * time.Second
	// roundTrips are measured; their median is told.
	roundTrips = 25
)

// stepError is what a person can do where a step fails.
type stepError struct {
	step  string
	cause error
	help  string
}

func (e *stepError) Error() string {
	return fmt.Sprintf("the self-test failed at %q: %s; %s", e.step, strings.TrimSuffix(sentence(e.cause), "."), e.help)
}

// selfTest is a guest of the second process, in a daemon of its own: what a person's editor would do, step by step.
func (p *program) selfTest(ctx context.Context) error {
	ctx, stop := untilHungUp(ctx)
	defer stop()
	err := p.checkSteps(ctx)
	if ctx.Err() != nil {
		return errors.New("the self-test was stopped before its end; run `earshot try --check` again")
	}
	if p.json {
		result := selfTestStep{Event: "result", OK: err == nil}
		if err != nil {
			result.Message = plain(sentence(err))
		}
		return errors.Join(err, p.printJSON(result))
	}
	if err == nil {
		_, err = fmt.Fprintln(p.out, "Earshot works on this machine. Next: `earshot try`, with your editor.")
	}
	return err
}

func (p *program) checkSteps(ctx context.Context) error {
	t := &selfTesting{p: p, at: time.Now()}
	c, err := p.callColleague(actCheck, &tryOptions{key: time.Millisecond})
	if err != nil {
		return err
	}
	t.colleague = c
	defer c.end()
	defer func() {
		if t.a != nil {
			t.a.stop()
		}
	}()
	const again = "run it once more, and tell the makers if it stays so"
	for _, step := range []struct {
		name, help string
		run        func(context.Context) (string, error)
	}{
		{"second process", "see that a firewall lets programs of this machine reach 127.0.0.1 and that its loopback interface is up", t.opens},
		{"own daemon", "see that TMPDIR names a folder that you may write to", t.begins},
		{"matchmaker, introduction, path", "see that a firewall lets programs of this machine reach each other at 127.0.0.1, by TCP and UDP", t.joins},
		{"text", again, t.reads},
		{"edit there and back", again, t.edits},
		{"cursor", again, t.sees},
		{"undo", again, t.undoes},
		{"end", again, t.ends},
	} {
		within, cancel := context.WithTimeout(ctx, stepPatience)
		said, err := step.run(within)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errStopped) {
			err = fmt.Errorf("nothing came within %v", stepPatience)
		}
		if err != nil {
			t.tell(step.name, false, sentence(err), nil)
			return &stepError{step.name, err, step.help}
		}
		if said != "" {
			t.tell(step.name, true, said, t.ms)
			t.ms = nil
		}
	}
	return nil
}

// selfTesting is its state.
type selfTesting struct {
	p         *program
	colleague *colleague
	a         *actor // this process's side
	opened    tryLine
	at        time.Time // of the last step
	ms        *float64  // what the step measured
	pings     int
}

// tell prints a step; ms is what it measured, else how long it took.
func (t *selfTesting) tell(step string, ok bool, said string, ms *float64) {
	took := float64(time.Since(t.at).Microseconds()) / 1000
	t.at = time.Now()
	if ms == nil {
		ms = &took
	}
	if t.p.json {
		_ = t.p.printJSON(selfTestStep{"check", step, ok, ms, plain(said)}) // the result, which is the last line, will say it
		return
	}
	word := "ok    "
	if !ok {
		word = "FAILED"
	}
	t.p.line(t.p.out, fmt.Sprintf("%s  %-20s %7.1f ms  %s", t.p.style(t.p.out, bold, word), step, *ms, plain(said)))
}

func (t *selfTesting) opens(ctx context.Context) (string, error) {
	line, err := t.colleague.next(ctx)
	t.opened = line
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s shares a text, in process %d", colleagueName, line.PID), nil
}

func (t *selfTesting) begins(context.Context) (string, error) {
	socket, err := stageSocket(t.colleague.folder, "you")
	if err != nil {
		return "", err
	}
	s, err := t.p.openStage(socket, "You")
	if err != nil {
		return "", err
	}
	t.a = &actor{stage: s, key: time.Millisecond, tells: func(tryLine) {}}
	return "a daemon for your side answers", nil
}

// joins tells each stage of the join as a step of its own.
func (t *selfTesting) joins(ctx context.Context) (string, error) {
	joined := make(chan error, 1)
	go func() { joined <- t.a.enter(ctx, t.opened.Session.Code) }() // ends with the join, which ctx bounds
	stages := map[protocol.JoinStage]string{
		protocol.StageMatchmaker: "found by its code on this machine", protocol.StageIntroduction: "both have proved that they know the code",
		protocol.StageDirect: "connected directly, by WebRTC", protocol.StageRelay: "connected through a relay"}
	last := protocol.JoinStage("")
	for {
		select {
		case err := <-joined:
			if err == nil && last != "" {
				t.tell("path", true, stages[last], nil)
			}
			return "", err
		case m := <-t.a.c.inbox:
			if progress, ok := m.(*protocol.ProgressParams); ok && progress.Value.Stage != "" && progress.Value.Stage != last {
				if last == protocol.StageMatchmaker || last == protocol.StageIntroduction {
					t.tell(string(last), true, stages[last], nil)
				}
				last = progress.Value.Stage
			}
		}
	}
}

func (t *selfTesting) reads(context.Context) (string, error) {
	if got := string(t.a.seen); got != scratchText {
		return "", fmt.Errorf("the text that came is another one")
	}
	return fmt.Sprintf("%d characters came as they are", len(t.a.seen)), nil
}

// ping types a line and waits for its answer, of which the text then holds one.
func (t *selfTesting) ping(ctx context.Context) error {
	t.pings++
	number := fmt.Sprintf("%d\n", t.pings)
	t.a.at = 0
	if err := t.a.insert(ping + number); err != nil {
		return err
	}
	ok, err := t.a.until(ctx, stepPatience, func() bool { return strings.Contains(string(t.a.seen), pong+number) })
	if err == nil && !ok {
		err = errStopped
	}
	return err
}

func (t *selfTesting) edits(ctx context.Context) (string, error) {
	var times []float64
	for range roundTrips {
		begun := time.Now()
		if err := t.ping(ctx); err != nil {
			return "", err
		}
		times = append(times, float64(time.Since(begun).Microseconds())/1000)
	}
	slices.Sort(times)
	t.ms = &times[roundTrips/2]
	return fmt.Sprintf("median of %d edits and their answers; the slowest took %.1f ms", roundTrips, times[roundTrips-1]), nil
}

func (t *selfTesting) sees(ctx context.Context) (string, error) {
	ok, err := t.a.until(ctx, stepPatience, func() bool { return t.a.inText })
	if err == nil && !ok {
		err = errStopped
	}
	return colleagueName + "'s cursor is seen", err
}

// undoes takes the last edit of this side back, behind which there is one of Robin's.
func (t *selfTesting) undoes(ctx context.Context) (string, error) {
	if err := t.a.rest(ctx, 0); err != nil { // an undo step of its own
		return "", err
	}
	if err := t.ping(ctx); err != nil {
		return "", err
	}
	mine, theirs := fmt.Sprintf("%s%d\n", ping, t.pings), fmt.Sprintf("%s%d\n", pong, t.pings)
	if _, err := t.a.undo(ctx); err != nil {
		return "", err
	}
	ok, err := t.a.until(ctx, stepPatience, func() bool { return !strings.Contains(string(t.a.seen), mine) })
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", errors.New("the edit was not taken back")
	case !strings.Contains(string(t.a.seen), theirs):
		return "", errors.New("the other's edit was taken back")
	}
	return "one's own edit went, the other's stayed", t.ping(ctx) // now the other has it all
}

func (t *selfTesting) ends(ctx context.Context) (string, error) {
	_ = t.colleague.in.Close() // it may have ended
	line, err := t.colleague.next(ctx)
	if err != nil {
		return "", err
	}
	if line.Sum != sumOfText(string(t.a.seen)) {
		return "", errors.New("the two texts differ")
	}
	if _, err = t.a.until(ctx, stepPatience, func() bool { return false }); !errors.Is(err, errAlone) {
		return "", fmt.Errorf("the session did not end: %w", err)
	}
	return "both texts are the same, the session is over", nil
}
