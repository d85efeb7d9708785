package server

import (
	"io"
	"net/http"
	"time"
)

// How much of a refused body, and for how long, is taken only to be thrown away.
const (
	lingerBytes = 32 << 20
	lingerTime  = 2 * time.Second
)

// Linger sends the answer that was written and reads on what the client still
// sends of its body. To close at once would reset the connection, and the reset
// breaks off a client that writes before it reads, and may overtake the answer
// for any other (RFC 9112, 9.6). The answer has to declare its length, for it
// ends before the handler does. A client that waits for "100 Continue" is not
// told to send.
func Linger(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	c.Flush()
	c.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, r.Body, lingerBytes) // fails only when the client is gone, or late
}
