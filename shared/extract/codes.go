package extract

import (
	"errors"
	"image/color"
	"strconv"
	"sync"

	"github.com/boombuler/barcode/code128"
	"rsc.io/qr/coding"
)

// A path is a code as PDF drawing operators, one unit per module, the first
// row from y = 0 down to y = -1: rectangles for the runs of dark modules, to be
// scaled to size and filled in one go. A picture of the same would be ten times
// the bytes and blur in print.
type path struct {
	operators     []byte
	width, height int // in modules
}

// row adds the dark runs of one row.
func (p *path) row(y int, dark func(x int) bool) {
	for x := 0; x < p.width; x++ {
		if !dark(x) {
			continue
		}
		start := x
		for x < p.width && dark(x) {
			x++
		}
		p.operators = strconv.AppendInt(p.operators, int64(start), 10)
		p.operators = append(p.operators, ' ')
		p.operators = strconv.AppendInt(p.operators, int64(-y), 10)
		p.operators = append(p.operators, ' ')
		p.operators = strconv.AppendInt(p.operators, int64(x-start), 10)
		p.operators = append(p.operators, " -1 re\n"...)
	}
}

// code128Path is one row of bars, without quiet zones.
func code128Path(digits string) (path, error) {
	bars, err := code128.Encode(digits)
	if err != nil {
		return path{}, err
	}
	p := path{width: bars.Bounds().Dx(), height: 1}
	p.row(0, func(x int) bool { return bars.At(x, 0) == color.Black })
	return p, nil
}

// qrEncoder makes QR codes of level M in byte mode. Where each bit of a text
// goes depends on the code's size only, so that plan is made once per size.
type qrEncoder struct {
	plans sync.Map // coding.Version to *coding.Plan
}

// path is the code without its quiet zone of four modules.
func (e *qrEncoder) path(text string) (path, error) {
	plan, err := e.plan(coding.String(text))
	if err != nil {
		return path{}, err
	}
	code, err := plan.Encode(coding.String(text))
	if err != nil {
		return path{}, err
	}
	p := path{width: code.Size, height: code.Size, operators: make([]byte, 0, 8<<10)}
	for y := range code.Size {
		p.row(y, func(x int) bool { return code.Black(x, y) })
	}
	return p, nil
}

func (e *qrEncoder) plan(text coding.String) (*coding.Plan, error) {
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		if text.Bits(v) > v.DataBytes(coding.M)*8 {
			continue
		}
		if plan, ok := e.plans.Load(v); ok {
			return plan.(*coding.Plan), nil
		}
		plan, err := coding.NewPlan(v, coding.M, 0)
		if err != nil {
			return nil, err
		}
		e.plans.Store(v, plan)
		return plan, nil
	}
	return nil, errors.New("the text is too long")
}
