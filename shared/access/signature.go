package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// Headers of a call between functions.
const (
	HeaderFunction  = "X-Polis-Function"
	HeaderTime      = "X-Polis-Time"
	HeaderSignature = "X-Polis-Signature"
)

// SignatureAge bounds how long a signed call is good for; it covers the queue's
// second delivery (30 s) and some skew between machines.
const SignatureAge = 2 * time.Minute

// Signed is what a function signs when it calls another: nothing of it can be
// taken to another time, path or body.
type Signed struct {
	Function string // who calls
	CallID   string
	Time     time.Time
	Target   string // "/<function>/<path>"
	Body     []byte
}

// Sign is the HMAC-SHA256 over all of it, in hex.
func (s Signed) Sign(key []byte) string {
	body := sha256.Sum256(s.Body)
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{s.Function, s.CallID, strconv.FormatInt(s.Time.Unix(), 10), s.Target} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	mac.Write(body[:])
	return hex.EncodeToString(mac.Sum(nil))
}

var errSignature = errors.New("signature does not hold")

// Verify checks a signature of another function at the machine time now.
func (s Signed) Verify(key []byte, signature string, now time.Time) error {
	if age := now.Sub(s.Time); age > SignatureAge || age < -SignatureAge {
		return errSignature
	}
	if !hmac.Equal([]byte(s.Sign(key)), []byte(signature)) {
		return errSignature
	}
	return nil
}
