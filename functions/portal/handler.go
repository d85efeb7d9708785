// Package function is portal: the address where people begin. Until its pages
// are built it says what the service does and how to reach it.
package function

import (
	_ "embed"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"polis/shared/config"
	"polis/shared/web"
)

// Name of the function.
const Name = "portal"

//go:embed start.html
var start []byte

// New makes the function from its settings.
func New(env *config.Env) (handler.FunctionHandler, error) {
	edge := web.Public(env, Name)
	if err := env.Err(); err != nil {
		return nil, err
	}
	return edge.With(web.Route{Method: "GET", Pattern: "/", Do: show}), nil
}

func show(*web.Call) (web.Answer, error) {
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(start), Header: http.Header{
		"Content-Type":            {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		"Cache-Control":           {"public, max-age=60"},
	}}, nil
}
