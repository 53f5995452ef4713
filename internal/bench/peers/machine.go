package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is what a figure's reader has to know of where it was measured.
type Machine struct {
	Cores      int    `json:"cores"`
	Processor  string `json:"processor,omitempty"`
	OS         string `json:"os"`
	Go         string `json:"go"`
	Node       string `json:"node,omitempty"`
	LoadBefore string `json:"loadBefore,omitempty"` // averages of 1, 5 and 15 minutes
	LoadAfter  string `json:"loadAfter,omitempty"`
}

func thisMachine(ctx context.Context) Machine {
	node, _ := exec.CommandContext(ctx, "node", "--version").Output() // none is needed for ours alone
	return Machine{
		Cores: runtime.NumCPU(), Processor: processor(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Node: strings.TrimSpace(string(node)), LoadBefore: loadAverage(),
	}
}

// loadAverage reads /proc/loadavg; empty where there is none.
func loadAverage() string {
	data, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// processor reads /proc/cpuinfo; empty where there is none.
func processor() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
