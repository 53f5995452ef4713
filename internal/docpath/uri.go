package docpath

import (
	"strings"
)

// scheme is that of a guest's documents.
const scheme = "earshot"

// sessionLen is the length of a session's id, of letters a–z and digits.
const sessionLen = 10

// SessionURI names the document p of a session: earshot://SESSION/path/in/folder. The zero Path gives the shared
// folder itself, earshot://SESSION/. The session is an id as the daemons make them.
func SessionURI(session string, p Path) string {
	return scheme + "://" + session + "/" + escape(p.s)
}

// ParseSessionURI reads what SessionURI wrote, in whatever way a client has encoded it since. The zero Path is
// the shared folder itself. Beside Parse's errors it gives kind NoSuchDocument for what is no such URI.
func ParseSessionURI(uri string) (session string, p Path, err error) {
	s, rest, ok := cutScheme(uri)
	if !ok || s != scheme {
		return "", Path{}, fail(NoSuchDocument, uri, "is no earshot: URI; use one that file/list gives")
	}
	rest, ok = strings.CutPrefix(rest, "//")
	session, path, _ := strings.Cut(rest, "/")
	session = strings.ToLower(session)
	if !ok || !isSession(session) {
		return "", Path{}, fail(NoSuchDocument, uri, "names no session: write earshot://SESSION/path, where SESSION is ten letters and digits that `earshot status` shows")
	}
	if strings.ContainsAny(path, "?#") {
		return "", Path{}, fail(NoSuchDocument, uri, "has a query or fragment; encode ? as %3F and # as %23")
	}
	text, ok := unescape(path)
	if !ok {
		return "", Path{}, fail(NoSuchDocument, uri, "has a % that two hexadecimal digits do not follow; encode % as %25")
	}
	if text == "" {
		return session, Path{}, nil
	}
	p, err = Parse(text)
	return session, p, err
}

func isSession(s string) bool {
	return len(s) == sessionLen && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// FileURI names an absolute path of a machine whose runtime.GOOS is goos. On Windows the drive's letter is made
// small, as editors do, and \\server\share\x becomes file://server/share/x. The path is not cleaned.
func FileURI(path, goos string) (string, error) {
	if goos != "windows" {
		if !strings.HasPrefix(path, "/") {
			return "", fail(NoSuchDocument, path, "is not an absolute path; begin it with a slash")
		}
		return "file://" + escape(path), nil
	}
	path = strings.ReplaceAll(path, `\`, "/")
	path = strings.TrimPrefix(path, "//?/") // the long form of a drive's path
	if drive(path) {
		return "file:///" + strings.ToLower(path[:1]) + escape(path[1:]), nil
	}
	server, share, ok := strings.Cut(strings.TrimPrefix(path, "//"), "/")
	if !ok || !strings.HasPrefix(path, "//") || !isHost(server) || share == "" {
		return "", fail(NoSuchDocument, path, "is not an absolute path; begin it with a drive or \\\\server\\share")
	}
	return "file://" + strings.ToLower(server) + "/" + escape(share), nil
}

// ParseFileURI gives the path that a file: URI (RFC 8089) names on a machine whose runtime.GOOS is goos, with
// that system's separators. The path is what the client wrote: absolute, but neither cleaned nor looked up. The
// error is of kind NoSuchDocument.
func ParseFileURI(uri, goos string) (string, error) {
	s, rest, ok := cutScheme(uri)
	if !ok || s != "file" {
		return "", fail(NoSuchDocument, uri, "is no file: URI; write file:///path")
	}
	host := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := max(0, strings.IndexByte(after, '/'))
		host, rest = after[:end], after[end:]
	}
	path, ok := unescape(rest)
	if !ok || strings.ContainsAny(rest, "?#") || strings.Contains(path, "\x00") || !strings.HasPrefix(path, "/") {
		return "", fail(NoSuchDocument, uri, "is not a well-formed file: URI; encode every character but letters, digits and /.-_~")
	}
	if strings.EqualFold(host, "localhost") {
		host = ""
	}
	if goos == "windows" {
		return windowsPath(uri, host, path)
	}
	if host != "" {
		return "", fail(NoSuchDocument, uri, "names a file on another machine; open it from there")
	}
	return path, nil
}

func windowsPath(uri, host, path string) (string, error) {
	path = strings.ReplaceAll(path, "/", `\`)
	switch {
	case host != "" && isHost(host) && len(path) > 1:
		return `\\` + host + path, nil
	case host == "" && drive(path[1:]):
		return strings.ToUpper(path[1:2]) + path[2:], nil
	}
	return "", fail(NoSuchDocument, uri, "names no drive; write file:///C:/path")
}

// drive tells whether path begins with a Windows drive and a separator.
func drive(path string) bool {
	if len(path) < 3 || path[1] != ':' || path[2] != '/' && path[2] != '\\' {
		return false
	}
	letter := path[0] | 0x20
	return 'a' <= letter && letter <= 'z'
}

// isHost tells whether s may stand as a server's name: Windows knows "." and "?" in its place as doors to devices.
func isHost(s string) bool {
	return strings.Trim(s, ".") != "" && strings.IndexFunc(s, func(r rune) bool {
		return r >= 0x80 || !unreserved(byte(r))
	}) < 0
}

// CanonicalURI gives each URI one spelling, so that it can be a key: scheme and server in small letters, a
// percent sign only where RFC 3986 needs one, and on Windows the drive's letter small. It changes nothing in a
// text that is no URI. Two spellings of one file (links, case) stay two: workspace.Folder.Identity joins those.
func CanonicalURI(uri, goos string) string {
	s, rest, ok := cutScheme(uri)
	if !ok {
		return uri
	}
	host := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexAny(after, "/?#")
		if end < 0 {
			end = len(after)
		}
		host, rest = strings.ToLower(after[:end]), after[end:]
		if s == "file" && host == "localhost" {
			host = ""
		}
		host = "//" + host
	} else if s == "file" && strings.HasPrefix(rest, "/") {
		host = "//"
	}
	rest = respell(rest)
	if s == "file" && goos == "windows" && strings.HasPrefix(rest, "/") && drive(rest[1:]) {
		rest = "/" + strings.ToLower(rest[1:2]) + rest[2:]
	}
	return s + ":" + host + rest
}

// SameURI tells whether two URIs are one after percent-decoding.
func SameURI(a, b, goos string) bool { return CanonicalURI(a, goos) == CanonicalURI(b, goos) }

// respell decodes what need not be encoded and encodes what must be. A bare ? or # is a separator and stays.
func respell(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		c, n := s[i], 1
		if b, ok := escaped(s[i:]); ok {
			c, n = b, 3
		} else if c == '?' || c == '#' {
			out.WriteByte(c)
			i++
			continue
		}
		writeByte(&out, c)
		i += n
	}
	return out.String()
}

func escape(s string) string {
	var out strings.Builder
	for i := range len(s) {
		writeByte(&out, s[i])
	}
	return out.String()
}

// writeByte encodes all but RFC 3986's unreserved characters, the slash and the colon: no client reads those
// two in any other way, and some read the rest of the reserved ones as they like.
func writeByte(out *strings.Builder, c byte) {
	const hex = "0123456789ABCDEF"
	if unreserved(c) || c == '/' || c == ':' {
		out.WriteByte(c)
		return
	}
	out.WriteByte('%')
	out.WriteByte(hex[c>>4])
	out.WriteByte(hex[c&15])
}

// unescape decodes once; false if a % is not followed by two hexadecimal digits.
func unescape(s string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out.WriteByte(s[i])
			continue
		}
		c, ok := escaped(s[i:])
		if !ok {
			return "", false
		}
		out.WriteByte(c)
		i += 2
	}
	return out.String(), true
}

// escaped reads a percent sign and its two digits at the head of s.
func escaped(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, ok1 := digit(s[1])
	low, ok2 := digit(s[2])
	return high<<4 | low, ok1 && ok2
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

func unreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// cutScheme parts a URI at its scheme (RFC 3986, 3.1), which it makes small.
func cutScheme(uri string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(uri, ":")
	if !ok || scheme == "" || strings.IndexFunc(scheme, func(r rune) bool {
		return r >= 0x80 || !unreserved(byte(r)) && r != '+' || r == '_' || r == '~'
	}) >= 0 {
		return "", "", false
	}
	return strings.ToLower(scheme), rest, true
}
