package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is what a figure's reader has to know of where it was measured.
type Machine struct {
	Cores      int        `json:"cores"`
	Processor  string     `json:"processor,omitempty"`
	OS         string     `json:"os"`
	Go         string     `json:"go"`
	LoadBefore [3]float64 `json:"loadBefore"` // averages of 1, 5 and 15 minutes
	LoadAfter  [3]float64 `json:"loadAfter"`
}

func thisMachine() Machine {
	return Machine{
		Cores: runtime.NumCPU(), Processor: processor(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		LoadBefore: loadAverage(),
	}
}

// loadAverage reads /proc/loadavg; zeros where there is none.
func loadAverage() (load [3]float64) {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return load
	}
	for i, field := range strings.Fields(string(data)) {
		if i < len(load) {
			load[i], _ = strconv.ParseFloat(field, 64) // zero is what is said where it is no number
		}
	}
	return load
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close() // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is what a process has used so far, as user and in the kernel; to 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(data))
}

// parseStat reads proc_pid_stat(5): fields 14 and 15 are utime and stime. The second is the program's name in
// parentheses and may hold anything.
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, errors.New("a stat line that is too short")
	}
	user, errUser := strconv.ParseInt(fields[utime], 10, 64)
	system, errSystem := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(errUser, errSystem)
}
