package settings

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"earshot/protocol"
)

// world is where one test's settings come from.
type world struct {
	flags map[string]string
	env   map[string]string
	file  string // what stands in config.toml; "" is no file
}

func (w world) load(t *testing.T) (Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if w.file != "" {
		if err := os.WriteFile(path, []byte(w.file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(w.flags, func(key string) string { return w.env[key] }, path)
}

func TestNothingSet(t *testing.T) {
	got, err := world{}.load(t)
	if err != nil || !reflect.DeepEqual(got, Default()) {
		t.Errorf("got %+v, %v, want the defaults", got, err)
	}
}

func TestStrength(t *testing.T) {
	check := func(w world, want string) {
		t.Helper()
		got, err := w.load(t)
		if err != nil || got.Server != want {
			t.Errorf("%+v: got %q, %v, want %q", w, got.Server, err, want)
		}
	}
	flag := map[string]string{"server": "wss://flag"}
	env := map[string]string{"EARSHOT_SERVER": "wss://env"}
	file := `server = "wss://file"`
	check(world{flag, env, file}, "wss://flag")
	check(world{nil, env, file}, "wss://env")
	check(world{nil, nil, file}, "wss://file")
	check(world{flag, nil, file}, "wss://flag")
	check(world{map[string]string{"server": ""}, env, file}, "")
	check(world{nil, map[string]string{"EARSHOT_SERVER": ""}, file}, "wss://file")
}

// TestEverySetting sets each by each of its three ways and sees the same result.
func TestEverySetting(t *testing.T) {
	cases := map[string]struct {
		value string
		toml  string
		want  func(*Settings)
	}{
		"socket":      {"/run/x.sock", `"/run/x.sock"`, func(s *Settings) { s.Socket = "/run/x.sock" }},
		"profile":     {"work-2", `"work-2"`, func(s *Settings) { s.Profile = "work-2" }},
		"server":      {"https://meet.example/p", `"wss://meet.example/p"`, func(s *Settings) { s.Server = "wss://meet.example/p" }},
		"name":        {" Ana María ", `"Ana María"`, func(s *Settings) { s.Name = "Ana María" }},
		"ice-servers": {"stun:s.example,matchmaker", `["stun:s.example", "matchmaker"]`, iceExample},
		"relay-only":  {"true", `true`, func(s *Settings) { s.RelayOnly = true }},
		"log-level":   {"debug", `"debug"`, func(s *Settings) { s.LogLevel = "debug" }},
	}
	for _, s := range All() {
		c, ok := cases[s.Key]
		if !ok {
			t.Errorf("no case for %s", s.Key)
			continue
		}
		want := Default()
		c.want(&want)
		for _, w := range []world{
			{flags: map[string]string{s.Key: c.value}},
			{env: map[string]string{s.Env: c.value}},
			{file: s.Key + " = " + c.toml},
		} {
			got, err := w.load(t)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: got %+v, %v, want %+v", w, got, err, want)
			}
		}
	}
}

func iceExample(s *Settings) {
	s.ICE = ICE{Matchmaker: true, Servers: []protocol.ICEServer{{URLs: []string{"stun:s.example"}}}}
}

func TestErrorsNameThePlace(t *testing.T) {
	check := func(w world, parts ...string) {
		t.Helper()
		_, err := w.load(t)
		if err == nil {
			t.Errorf("%+v: got no error", w)
			return
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: got %q, want it to hold %q", w, err, part)
			}
		}
	}
	check(world{flags: map[string]string{"server": "meet.example"}}, "--server", "wss://HOST")
	check(world{flags: map[string]string{"server": "ws://u:p@h"}}, "--server", "password")
	check(world{flags: map[string]string{"server": "ws://h/j#ABCD"}}, "--server")
	check(world{env: map[string]string{"EARSHOT_LOG_LEVEL": "loud"}}, "EARSHOT_LOG_LEVEL", "debug, error, info, warn")
	check(world{env: map[string]string{"EARSHOT_RELAY_ONLY": "perhaps"}}, "EARSHOT_RELAY_ONLY", "true")
	check(world{flags: map[string]string{"profile": "../x"}}, "--profile")
	check(world{flags: map[string]string{"name": strings.Repeat("é", maxName+1)}}, "--name", "64")
	check(world{file: `sever = "ws://h"`}, `"sever"`, "config.toml", "server")
	check(world{file: `relay-only = "yes"`}, "relay-only", "config.toml", "true or false")
	check(world{file: `name = 7`}, "name", "config.toml", "quotation")
	check(world{file: `server = ["ws://a"]`}, "server", "quotation")
	check(world{file: `ice-servers = [1]`}, "ice-servers")
	check(world{file: "name = \"a\"\n[server]\nx = 1"}, "server", "wrong kind")
	check(world{file: "name = \"a\"\nname"}, "config.toml", "line 2")
	check(world{file: "#" + strings.Repeat("x", maxFile)}, "larger than")
}

func TestNameAtItsLimit(t *testing.T) {
	name := strings.Repeat("é", maxName)
	got, err := world{flags: map[string]string{"name": name}}.load(t)
	if err != nil || got.Name != name {
		t.Errorf("got %q, %v", got.Name, err)
	}
}

func TestUnreadableFile(t *testing.T) {
	_, err := Load(nil, func(string) string { return "" }, t.TempDir()) // a folder where the file should be
	if err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("got %v", err)
	}
}

func TestPath(t *testing.T) {
	check := func(env map[string]string, want string) {
		t.Helper()
		if got := Path(func(key string) string { return env[key] }); got != want {
			t.Errorf("%v: got %q, want %q", env, got, want)
		}
	}
	check(map[string]string{"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/earshot/config.toml")
	check(map[string]string{"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/earshot/config.toml")
	check(map[string]string{"HOME": "/h"}, "/h/.config/earshot/config.toml")
	check(nil, "")
}

func TestPerson(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Chdir(home)
	if got := (Settings{Name: "Ana"}).Person(t.Context()); got != "Ana" {
		t.Errorf("got %q, want the name set", got)
	}
	if got := (Settings{}).Person(t.Context()); got != loginName() && got != "someone" {
		t.Errorf("got %q, want the login name %q", got, loginName())
	}
	config := "[user]\n\tname = " + strings.Repeat("ü", maxName+9) + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := (Settings{}).Person(t.Context()), strings.Repeat("ü", maxName); got != want {
		t.Errorf("got %q, want git's name cut to %q", got, want)
	}
}
