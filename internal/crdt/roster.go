package crdt

import "sort"

// roster translates between global and local names of events. Local agent indexes never leave the process.
type roster struct {
	byID   map[Agent]uint32
	agents []agent
	runs   []nameRun // by lv
	newest Agent     // the author of the last event,
	author uint32    // and its index
}

type agent struct {
	id   Agent
	next uint32   // the agent's events here are 0 … next-1
	base uint32   // and of these 0 … base-1 are forgotten, but for the oldest version's
	runs []seqRun // by seq
}

// seqRun says that an agent's events from seq on, up to the next run, are numbered from lv on.
type seqRun struct {
	seq uint32
	lv  LV
}

// nameRun says that the events from lv on, up to the next run, are the agent's from seq on.
type nameRun struct {
	lv         LV
	agent, seq uint32
}

// index returns the local index of an agent, given a new one if it has none.
func (r *roster) index(id Agent) uint32 {
	if i, ok := r.byID[id]; ok {
		return i
	}
	if r.byID == nil {
		r.byID = make(map[Agent]uint32)
	}
	i := uint32(len(r.agents))
	r.byID[id] = i
	r.agents = append(r.agents, agent{id: id})
	return i
}

// push names n new events: they are the agent's next ones.
func (r *roster) push(index uint32, lv LV, n uint32) {
	a := &r.agents[index]
	if k := len(a.runs) - 1; k < 0 || a.runs[k].lv+LV(a.next-a.runs[k].seq) != lv {
		a.runs = append(a.runs, seqRun{a.next, lv})
		r.runs = append(r.runs, nameRun{lv, index, a.next})
	}
	a.next += n
	r.newest, r.author = a.id, index
}

// find returns the index in runs of the run that holds lv.
func (r *roster) find(lv LV) int {
	if k := len(r.runs) - 1; r.runs[k].lv <= lv {
		return k
	}
	return sort.Search(len(r.runs), func(i int) bool { return r.runs[i].lv > lv }) - 1
}

func (r *roster) id(lv LV) ID {
	run := r.runs[r.find(lv)]
	return ID{r.agents[run.agent].id, run.seq + uint32(lv-run.lv)}
}

// lv returns the local number of an agent's event and how many that follow it there are numbered in a row,
// itself included.
func (r *roster) lv(index, seq uint32) (lv LV, n uint32, ok bool) {
	a := &r.agents[index]
	if seq >= a.next || len(a.runs) == 0 || seq < a.runs[0].seq {
		return 0, 0, false
	}
	k := len(a.runs) - 1
	if a.runs[k].seq > seq {
		k = sort.Search(len(a.runs), func(i int) bool { return a.runs[i].seq > seq }) - 1
	}
	run, end := a.runs[k], a.next
	if k+1 < len(a.runs) {
		end = a.runs[k+1].seq
	}
	return run.lv + LV(seq-run.seq), end - seq, true
}

// last returns the version of an agent's last event, the root if there is none.
func (r *roster) last(index uint32) Frontier {
	a := &r.agents[index]
	if len(a.runs) == 0 {
		return nil
	}
	run := a.runs[len(a.runs)-1]
	return Frontier{run.lv + LV(a.next-1-run.seq)}
}

// truncate forgets the events from size on and all agents but the first ones.
func (r *roster) truncate(size LV, agents int) {
	for k := len(r.runs) - 1; k >= 0 && r.runs[k].lv >= size; k-- {
		r.runs = r.runs[:k]
	}
	for _, a := range r.agents[agents:] {
		delete(r.byID, a.id)
	}
	r.agents = r.agents[:agents]
	for i := range r.agents {
		r.agents[i].truncate(size)
	}
	r.newest, r.author = 0, 0
	if k := len(r.runs) - 1; k >= 0 {
		r.author = r.runs[k].agent
		r.newest = r.agents[r.author].id
	}
}

func (a *agent) truncate(size LV) {
	for k := len(a.runs) - 1; k >= 0; k-- {
		if run := a.runs[k]; run.lv < size {
			a.next = min(a.next, run.seq+uint32(size-run.lv))
			return
		}
		a.next = a.runs[k].seq
		a.runs = a.runs[:k]
	}
}
