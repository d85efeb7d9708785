// Package api is the public contract of the functions.
package api

import _ "embed"

// Spec is the contract as an OpenAPI 3.1 document, in YAML.
//
//go:embed openapi.yaml
var Spec []byte
