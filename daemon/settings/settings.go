// Package settings finds out how a person wants Earshot to behave: a flag is stronger than an environment variable, and
// that is stronger than the key in `$XDG_CONFIG_HOME/earshot/config.toml`. It promises that what it hands out is valid, and
// that an error names the place (flag, variable or file) where the wrong value stands and never shows a password.
//
// The program's commands and the daemon may call it. What concerns one session travels with its request, so to the daemon
// these are only defaults.
package settings

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Settings that hold for one run of the program. The zero value of a string means that nobody has said.
type Settings struct {
	Socket    string // path of the daemon's socket; "" is the usual place
	Profile   string // names a daemon beside the usual one; "" is the usual one
	Server    string // ws:// or wss:// URL of a matchmaker; "" is none
	Name      string // what other members call this person; see [Settings.Person]
	ICE       ICE
	RelayOnly bool   // never connect directly, so that nobody learns this machine's address
	LogLevel  string // debug, info, warn or error
}

// Default is what holds where nothing is set.
func Default() Settings {
	return Settings{ICE: ICE{Matchmaker: true}, LogLevel: "info"}
}

// Setting describes one of them as flag, variable and key.
type Setting struct {
	Key   string // the flag without its dashes, and the key in the file
	Env   string
	Usage string
	Bool  bool // the flag may stand without a value, and the file has true or false
	set   func(*Settings, string) error
}

// All the settings, in the order in which help shows them.
func All() []Setting {
	return []Setting{
		{Key: "socket", Env: "EARSHOT_SOCKET", Usage: "path of the daemon's socket", set: setSocket},
		{Key: "profile", Env: "EARSHOT_PROFILE", Usage: "use a second daemon of this name", set: setProfile},
		{Key: "server", Env: "EARSHOT_SERVER", Usage: "matchmaker to meet at (ws:// or wss:// URL)", set: setServer},
		{Key: "name", Env: "EARSHOT_NAME", Usage: "your name for the others (default: git's, then your login)", set: setName},
		{Key: "ice-servers", Env: "EARSHOT_ICE_SERVERS",
			Usage: "comma list of stun:HOST and turn:USER:PASSWORD@HOST, or matchmaker, or none", set: setICE},
		{Key: "relay-only", Env: "EARSHOT_RELAY_ONLY", Usage: "connect through a relay only", Bool: true, set: setRelayOnly},
		{Key: "log-level", Env: "EARSHOT_LOG_LEVEL", Usage: "debug, info, warn or error", set: setLogLevel},
	}
}

// Load combines what the flags, the environment and the file say. flags holds the values of the flags that were given, by
// key; an empty value there takes a weaker setting back. An empty environment variable counts as absent. file is a path
// that need not exist.
func Load(flags map[string]string, getenv func(string) string, file string) (Settings, error) {
	s := Default()
	written, err := readFile(file)
	if err != nil {
		return Settings{}, err
	}
	for _, setting := range All() {
		if value, ok := written[setting.Key]; ok {
			if err := setting.set(&s, value); err != nil {
				return Settings{}, fmt.Errorf("%s in %s %w", setting.Key, file, err)
			}
		}
		if value := getenv(setting.Env); value != "" {
			if err := setting.set(&s, value); err != nil {
				return Settings{}, fmt.Errorf("the environment variable %s %w", setting.Env, err)
			}
		}
		if value, ok := flags[setting.Key]; ok {
			if err := setting.set(&s, value); err != nil {
				return Settings{}, fmt.Errorf("--%s %w", setting.Key, err)
			}
		}
	}
	return s, nil
}

// The errors of the setters continue a sentence that names the place: "--server is not …".

func setSocket(s *Settings, value string) error {
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("holds a zero byte: give the path of a socket")
	}
	s.Socket = value
	return nil
}

// profileName is narrow because the name becomes part of a file's name and of a Windows pipe's.
var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

func setProfile(s *Settings, value string) error {
	if value != "" && !profileName.MatchString(value) {
		return fmt.Errorf("is not a profile's name: use up to 32 letters, digits, - and _")
	}
	s.Profile = value
	return nil
}

func setServer(s *Settings, value string) error {
	if value == "" {
		s.Server = ""
		return nil
	}
	server, err := ServerURL(value)
	if err != nil {
		return err
	}
	s.Server = server
	return nil
}

// ServerURL checks a matchmaker's URL and gives it with the scheme ws or wss: http and https name the same server.
func ServerURL(value string) (string, error) {
	u, err := url.Parse(value)
	schemes := map[string]string{"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
	switch {
	case err != nil || schemes[u.Scheme] == "" || u.Hostname() == "":
		return "", fmt.Errorf("is not a matchmaker's URL: write it as wss://HOST or ws://HOST:PORT")
	case u.User != nil:
		return "", fmt.Errorf("holds a password, which a matchmaker never asks for: write it as wss://HOST")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("holds more than a server's address: write it as wss://HOST")
	}
	u.Scheme = schemes[u.Scheme]
	return u.String(), nil
}

// maxName is what fits beside a cursor and in a list; the protocol itself would carry more.
const maxName = 64

func setName(s *Settings, value string) error {
	name := strings.TrimSpace(value)
	if len([]rune(name)) > maxName {
		return fmt.Errorf("is longer than %d characters: choose a shorter name", maxName)
	}
	s.Name = name
	return nil
}

func setICE(s *Settings, value string) error {
	ice, err := ParseICE(value)
	if err != nil {
		return err
	}
	s.ICE = ice
	return nil
}

func setRelayOnly(s *Settings, value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("is neither true nor false: write one of them")
	}
	s.RelayOnly = on
	return nil
}

var logLevels = map[string]bool{"debug": true, "info": true, "warn": true, "error": true}

func setLogLevel(s *Settings, value string) error {
	if !logLevels[value] {
		return fmt.Errorf("is not a level: use one of %s", strings.Join(slices.Sorted(maps.Keys(logLevels)), ", "))
	}
	s.LogLevel = value
	return nil
}
