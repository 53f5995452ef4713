package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxFile is far above the seven lines that a full file has; it keeps a wrong path (a disk image, /dev/zero) from being
// read for ever.
const maxFile = 1 << 20

// Path is where the file is looked for: `$XDG_CONFIG_HOME/earshot/config.toml`, else below ~/.config, and on Windows below
// the user's AppData. It is "" where there is no home.
func Path(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "earshot", "config.toml")
	}
	if runtime.GOOS == "windows" {
		return below(getenv("AppData"), "earshot", "config.toml")
	}
	return below(getenv("HOME"), ".config", "earshot", "config.toml")
}

func below(dir string, parts ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// readFile gives the file's values as they would stand behind a flag; a file that is not there has none.
func readFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the settings in %s can't be read (%w): mend or remove the file", path, err)
	}
	defer f.Close() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the settings in %s can't be read (%w): mend or remove the file", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: that is no file of settings", path, maxFile)
	}
	return parseFile(path, data)
}

// parseFile reads into a map and not into a struct, so that a value of the wrong kind is told with the words of the same
// setter that reads flags.
func parseFile(path string, data []byte) (map[string]string, error) {
	var table map[string]any
	if err := toml.NewDecoder(bytes.NewReader(data)).Decode(&table); err != nil {
		var where *toml.DecodeError
		if errors.As(err, &where) {
			row, column := where.Position()
			return nil, fmt.Errorf("%s is not TOML at line %d, column %d: %w", path, row, column, err)
		}
		return nil, fmt.Errorf("%s is not TOML: %w", path, err)
	}
	values := make(map[string]string, len(table))
	for key, value := range table {
		at := slices.IndexFunc(All(), func(s Setting) bool { return s.Key == key })
		if at < 0 {
			return nil, fmt.Errorf("%q in %s is not a setting: use one of %s", key, path, strings.Join(keys(), ", "))
		}
		text, ok := plain(All()[at], value)
		if !ok {
			return nil, fmt.Errorf("%s in %s has a value of the wrong kind: %s", key, path, wanted(All()[at]))
		}
		values[key] = text
	}
	return values, nil
}

// plain gives a value of the file as a flag would have it; a list of strings stands for a comma list.
func plain(s Setting, value any) (string, bool) {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v), s.Bool
	case string:
		return v, !s.Bool
	case []any:
		var items []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return "", false
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), s.Key == "ice-servers"
	}
	return "", false
}

func wanted(s Setting) string {
	if s.Bool {
		return "write true or false"
	}
	return "write it in quotation marks"
}

func keys() []string {
	var all []string
	for _, s := range All() {
		all = append(all, s.Key)
	}
	return all
}
