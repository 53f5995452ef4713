package introduction

import "testing"

// BenchmarkIntroduction is the arithmetic of both sides, from the greeting to the admission.
func BenchmarkIntroduction(b *testing.B) {
	for b.Loop() {
		newPair(b, "bench").meet(b)
	}
}
