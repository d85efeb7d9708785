package platform

import "sync"

// bell wakes everybody who waits for a change. Whoever takes rung before a look
// at what may change misses nothing. Its zero value is ready for use.
type bell struct {
	mu      sync.Mutex
	waiting chan struct{}
}

// rung is closed at the next ring.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = make(chan struct{})
	}
	return b.waiting
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
}
