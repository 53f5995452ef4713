package matchmaker

import (
	"io"
	"net/http"
)

// linkPage is all that a browser gets here. It has no script and loads nothing, so what follows '#' stays where it is.
const linkPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Earshot</title>
<h1>You are invited to edit together</h1>
<p>This link is for Earshot. Copy it whole from the address bar, then run this and paste the link when asked:</p>
<pre>earshot join</pre>
<p>or in Neovim <code>:Earshot join</code>.</p>
<p>Whoever has the link can ask to join. Nothing after the # was sent to this server.</p>
</html>
`

// serveText answers a GET with a constant.
func serveText(w http.ResponseWriter, r *http.Request, contentType, text string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // a client that left needs no answer
}
