package protocol

// Limits of the editor socket that are the same for every daemon; the others stand in Limits of the answer to
// initialize.
const (
	// MaxDocument is the size of one shared text in bytes of UTF-8: 32 MiB, more than any source file that people
	// edit together.
	MaxDocument = 32 << 20
	// MaxMessage is the size of one message's body in bytes: 64 MiB hold the largest document even if JSON needs two
	// bytes for each of its characters.
	MaxMessage = 64 << 20
)
