//go:build !linux

package stores

import "syscall"

// dieWithParent has no counterpart outside Linux: a redis-server whose
// supervisor was killed keeps its lock, and the next start says so.
func dieWithParent() *syscall.SysProcAttr { return nil }
