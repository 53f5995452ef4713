package crdt

import "errors"

const (
	// MaxText bounds the text, in bytes, that a Doc begins with, and in code points that any version of it may
	// have: the contract's 32 MiB for a document. Whether an event keeps to it depends on its ancestors alone,
	// so all replicas decide alike.
	MaxText = 32 << 20
	// maxLV bounds the events that a Doc ever had: beyond it the numbers of the base's characters begin.
	maxLV = underwater - 1
	// MaxEvents bounds the events that a Doc remembers. 2^27 are twice what it takes to put another text in the place of the
	// largest one in one edit, so that there is room for that while less than half of them are remembered; or a person who
	// types 5 characters a second for 310 days without a pause. It is far below 2^31, where the numbers of the base text's
	// characters begin.
	MaxEvents = 1 << 27
	// MaxContent bounds the UTF-8 that all insertions of a Doc hold together, deleted or not: four of the
	// largest texts. Offsets into it fit 32 bits.
	MaxContent = 4 * MaxText
	// MaxRuns bounds the runs that the events of a Doc form, of neighbouring places and of one author. Each
	// takes about 100 bytes in the log and the tracker, so 2^21 are 200 MiB. People write 5 to 10 events a
	// run: the longest traces have 100,000 runs.
	MaxRuns = 1 << 21
	// MaxEdges bounds the parents that all events of a Doc name, beside the event just before: 4 for each run,
	// 32 MiB. Two people who type at the same time name 2.
	MaxEdges = 4 * MaxRuns
	// MaxAgents bounds the authors of a Doc: 2^15 attachments of a buffer, one each hour for three years.
	// A character can't be deleted more often than there are agents, so that counters of 16 bits suffice.
	MaxAgents = 1 << 15
	// MaxParents bounds the parents of one event. An agent's events follow one another, so a version never has
	// more heads than there are agents.
	MaxParents = MaxAgents
	// MaxEncoding bounds what Merge and Load read: the base, all content, 16 bytes for each run and 10 for
	// each edge.
	MaxEncoding = MaxText + MaxContent + 16*MaxRuns + 10*MaxEdges
)

// limits are the bounds a Doc keeps and how it spaces its marks; tests that reach them lower them.
type limits struct {
	text, events, content, runs, edges, agents int
	markEvery, patience                        int
}

func standardLimits() limits {
	return limits{
		text: MaxText, events: MaxEvents, content: MaxContent, runs: MaxRuns, edges: MaxEdges, agents: MaxAgents,
		markEvery: markEvery, patience: patience,
	}
}

var (
	// ErrUnknown: a version names an event that is not here.
	ErrUnknown = errors.New("crdt: an event of this version is not here")
	// ErrMissing: events can't be merged before others that they build on.
	ErrMissing = errors.New("crdt: events arrived before the ones they build on")
	// ErrCorrupt: the bytes are no encoding of this version, or text is not valid UTF-8.
	ErrCorrupt = errors.New("crdt: the encoding is damaged or of another version")
	// ErrPosition: an edit lies outside the text it was made on, or a patch is not in order.
	ErrPosition = errors.New("crdt: an edit lies outside the text it was made on")
	// ErrTooLarge: one of the limits of this package would be passed.
	ErrTooLarge = errors.New("crdt: the document or its history would grow too large")
	// ErrAgent: an agent's event does not follow the agent's previous one.
	ErrAgent = errors.New("crdt: an event does not follow its author's previous event")
	// ErrForgotten: what another replica lacks is forgotten here.
	ErrForgotten = errors.New("crdt: the events that are missing there are forgotten here")
	// ErrForged: an event arrived under the name of another one that is here.
	ErrForged = errors.New("crdt: two different events have one name")
)
