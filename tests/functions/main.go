// Functions is the program of the functions' processes in stories. It holds
// nothing of the tests, so that each of them starts in half the time.
package main

import (
	"polis/local/child"
	"polis/local/functions"
)

func main() { child.Run(functions.All) }
