package peer

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// checkLeaks fails the test if goroutines of ours or of pion's are left ten seconds after its end: pion's timers
// take up to six. Within a synctest bubble it is not needed: a bubble does not end before its goroutines.
func checkLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		poll := time.NewTicker(20 * time.Millisecond)
		defer poll.Stop()
		for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); <-poll.C {
			if left = goroutines(); len(left) == 0 {
				return
			}
		}
		t.Errorf("%d goroutines left:\n%s", len(left), strings.Join(left, "\n\n"))
	})
}

// goroutines lists the stacks of pion's and ours, without the tests' own.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	var found []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		ours := strings.Contains(stack, "github.com/pion/") || strings.Contains(stack, "internal/peer.(")
		if ours && !strings.Contains(stack, "testing.tRunner") {
			found = append(found, stack)
		}
	}
	return found
}
