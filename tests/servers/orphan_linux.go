package servers

import "syscall"

// dieWithParent stops a server whose test was killed and could not.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
