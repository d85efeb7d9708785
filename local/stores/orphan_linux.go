package stores

import "syscall"

// dieWithParent covers the one death that a supervisor cannot act on, its own
// by kill -9.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
