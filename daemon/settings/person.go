package settings

import (
	"context"
	"os/exec"
	"os/user"
	"strings"
	"time"
)

// gitPatience is how long git may take to tell a name: it reads two small files, and a home on a slow disk must not hold
// a share up.
const gitPatience = 2 * time.Second

// Person is the name that the others see: the one set, else git's user.name, else the login name, else "someone".
func (s Settings) Person(ctx context.Context) string {
	if s.Name != "" {
		return s.Name
	}
	if name := gitName(ctx); name != "" {
		return name
	}
	if login := loginName(); login != "" {
		return login
	}
	return "someone"
}

func gitName(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "config", "--get", "user.name").Output()
	if err != nil { // no git, or no name in it
		return ""
	}
	return shorten(string(out))
}

func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	_, login, ok := strings.Cut(u.Username, `\`) // Windows has DOMAIN\login
	if !ok {
		login = u.Username
	}
	return shorten(login)
}

// shorten cuts rather than refuses: nobody typed this name for us.
func shorten(name string) string {
	runes := []rune(strings.TrimSpace(name))
	return string(runes[:min(len(runes), maxName)])
}
