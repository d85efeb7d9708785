// Command handler runs one function of Polis.
package main

import (
	"handler/function"

	"polis/shared/server"
)

func main() { server.Main(function.New) }
