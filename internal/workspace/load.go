package workspace

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"earshot/internal/docpath"
	"earshot/internal/text"
)

const (
	// MaxSize is the contract's limit for a document, in bytes on the disk.
	MaxSize = 32 << 20
	// sniffed is how much of a file may hold no NUL: where git and grep look to tell text from data.
	sniffed = 8 << 10
	// tries is how often a file that changes while it is read or replaced is read anew. Each try takes
	// milliseconds; whoever writes more often than that is a log, not an editor.
	tries = 4
)

const bom = "\ufeff"

// Text is what a file holds, as it is inside Earshot, with what is needed to write it back exactly.
type Text struct {
	Text     string // valid UTF-8 with "\n" line ends, without a byte order mark
	Form     Form
	Stamp    Stamp
	ReadOnly bool // Save would refuse it as things stand
}

// Form is how a text is written outside.
type Form struct {
	// EOL is CRLF if every line of the file ended so. Mixed ends stay in the text as they are, under LF.
	EOL      text.LineEnd
	BOM      bool
	Encoding string // "utf-8" is the only one; "" means the same
	// FinalNewline tells an editor whether the text ends with "\n". Save doesn't look at it: the text has its
	// final newline or has it not, and is written as it is.
	FinalNewline bool
}

// Stamp is what a file held when it was last read or written. Two Stamps with equal Sum stand for the same bytes.
// The zero Stamp stands for a file that isn't there.
type Stamp struct {
	Sum  [sha256.Size]byte
	Mode fs.FileMode // permission bits, for information
}

// Load reads the file p. Errors are *Error: those of Check, tooLarge for more than MaxSize (found out without
// reading), notText for what is not UTF-8 or has a NUL in its first 8 KiB.
func (f *Folder) Load(p docpath.Path) (Text, error) {
	var t Text
	err := errMoved
	for i := 0; i < tries && errors.Is(err, errMoved); i++ {
		t, err = f.loadOnce(p)
	}
	return t, err
}

func (f *Folder) loadOnce(p docpath.Path) (Text, error) {
	at, err := f.findThere(f.newWork(), p)
	if err != nil {
		return Text{}, err
	}
	defer at.close()
	data, info, err := at.read()
	if err != nil {
		return Text{}, err
	}
	t, err := decode(p, data, info)
	t.ReadOnly = readOnly(at.dir, at.name, info)
	return t, err
}

// read gives a file's bytes as they were at one moment, if whoever writes it lets it rest for one.
func (at *place) read() ([]byte, fs.FileInfo, error) {
	p := at.path
	if at.info.Size() > MaxSize {
		return nil, nil, tooLarge(p)
	}
	file, err := openRegular(at.dir, at.name, at.info)
	if err != nil {
		return nil, nil, fail(NoSuchDocument, p.String(), "can't be read; check its permissions", cause(err))
	}
	defer file.Close()
	for range tries {
		data, info, err := readAll(file)
		if err != nil {
			return nil, nil, fail(NoSuchDocument, p.String(), "can't be read", cause(err))
		}
		if len(data) > MaxSize {
			return nil, nil, tooLarge(p)
		}
		if after, err := file.Stat(); err == nil && unchanged(info, after) {
			return data, info, nil
		}
	}
	return nil, nil, fail(NoSuchDocument, p.String(), "is being written without a pause; try again when that is over", errMoved)
}

func tooLarge(p docpath.Path) error {
	return fail(TooLarge, p.String(), "has more than 32 MiB, which is more than can be shared; share a smaller part of it", nil)
}

// readAll reads from the start, one byte more than MaxSize at most.
func readAll(file *os.File) ([]byte, fs.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	var data bytes.Buffer
	data.Grow(int(min(info.Size(), MaxSize)) + bytes.MinRead)
	_, err = data.ReadFrom(io.LimitReader(file, MaxSize+1))
	return data.Bytes(), info, err
}

// unchanged tells whether two looks at one file saw the same, as far as its times tell.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// openRegular opens the regular file that info stands for, to read. It neither waits for a FIFO's other end nor
// follows a link that was put in its place: errMoved then.
func openRegular(dir *os.Root, name string, info fs.FileInfo) (*os.File, error) {
	file, err := dir.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err == nil && (!opened.Mode().IsRegular() || !os.SameFile(info, opened)) {
		err = errMoved
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// decode makes a file's bytes a text.
func decode(p docpath.Path, data []byte, info fs.FileInfo) (Text, error) {
	if bytes.IndexByte(data[:min(len(data), sniffed)], 0) >= 0 {
		return Text{}, fail(NotText, p.String(), "is not a text (it holds NUL bytes); only texts can be shared", nil)
	}
	if !utf8.Valid(data) {
		return Text{}, fail(NotText, p.String(), "is not in UTF-8; convert it to share it", nil)
	}
	t := Text{Stamp: Stamp{sha256.Sum256(data), info.Mode().Perm()}}
	s := string(data)
	s, t.Form.BOM = strings.CutPrefix(s, bom)
	t.Form.EOL = text.DetectLineEnd(s)
	t.Form.Encoding = "utf-8"
	t.Text = t.Form.EOL.ToLF(s)
	t.Form.FinalNewline = strings.HasSuffix(t.Text, "\n")
	return t, nil
}

// encode undoes decode.
func encode(p docpath.Path, content string, form Form) ([]byte, error) {
	if form.Encoding != "" && form.Encoding != "utf-8" {
		return nil, fail(SaveFailed, p.String(), "can only be written as UTF-8; save it from an editor of the host", nil)
	}
	if !utf8.ValidString(content) {
		return nil, fail(NotText, p.String(), "would not be valid UTF-8; report this as a defect of Earshot", nil)
	}
	content = form.EOL.FromLF(content)
	if form.BOM {
		content = bom + content
	}
	if len(content) > MaxSize {
		return nil, fail(TooLarge, p.String(), "would have more than 32 MiB; delete something, then save again", nil)
	}
	return []byte(content), nil
}
