package function

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"polis/shared/fault"
	"polis/shared/web"
)

//go:embed pages
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// pages are the templates and what they are served with.
type pages struct {
	byName  map[string]*template.Template
	assets  map[string]asset // by name
	version string           // changes with any asset and any page
}

type asset struct {
	media   string
	content []byte
}

var media = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// openPages parses every page with the layout and the components.
func openPages() (*pages, error) {
	p := &pages{byName: map[string]*template.Template{}, assets: map[string]asset{}}
	files, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		content, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			return nil, err
		}
		p.assets[f.Name()] = asset{media[path.Ext(f.Name())], content}
	}
	// The worker keeps a page, too: under the version's name it is never an old one.
	if p.version, err = versionOf(assetFiles, pageFiles); err != nil {
		return nil, err
	}

	shared, err := template.New("").Funcs(template.FuncMap{"fields": fields}).ParseFS(pageFiles, "pages/layout.html", "pages/components.html")
	if err != nil {
		return nil, err
	}
	files, err = fs.ReadDir(pageFiles, "pages")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "layout" || name == "components" {
			continue
		}
		own, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if p.byName[name], err = own.ParseFS(pageFiles, "pages/"+f.Name()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// versionOf names the content of all files.
func versionOf(all ...fs.FS) (string, error) {
	sum := sha256.New()
	for _, files := range all {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, name)
			fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// asset serves a file whose address changes with its content.
func (p *portal) asset(c *web.Call) (web.Answer, error) {
	a, ok := p.pages.assets[c.Segment("name")]
	if !ok {
		return web.Answer{}, fault.ErrNoPath
	}
	header := http.Header{"Content-Type": {a.media}, "Cache-Control": {"no-cache"}}
	if c.Query.Get("v") == p.pages.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(a.content), Header: header}, nil
}

// worker is the script that answers while there is no network. It lies beside
// the pages that it serves, as browsers demand.
func (p *portal) worker(*web.Call) (web.Answer, error) {
	a := p.pages.assets["worker.js"]
	content := bytes.ReplaceAll(a.content, []byte("VERSION"), []byte(p.pages.version))
	return web.Answer{Status: http.StatusOK, Body: web.Bytes(content), Header: http.Header{"Content-Type": {a.media}, "Cache-Control": {"no-cache"}}}, nil
}
