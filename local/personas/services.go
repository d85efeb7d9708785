package personas

// Services is what clinics have reported at the first start of an installation:
// the body of POST insured-registry/services.
type Services struct {
	SourceID string    `json:"source_id"`
	Records  []Service `json:"records"`
}

// Service is one rendered to an insured person. Cost is in kopecks.
type Service struct {
	ENP       string        `json:"enp"`
	BirthDate string        `json:"birth_date"`
	Date      string        `json:"date"`
	Service   string        `json:"service"`
	Code      string        `json:"code,omitempty"`
	Cost      int64         `json:"cost"`
	Clinic    serviceClinic `json:"clinic"`
}

// serviceClinic is who rendered it.
type serviceClinic struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// FirstServices are invented, for insured, for teenager, and for the child of both parents.
func FirstServices() Services {
	insured, _ := Find("insured")
	teenager, _ := Find("teenager")
	of := func(h Human, enp string, clinic serviceClinic, date, name, code string, cost int64) Service {
		return Service{ENP: enp, BirthDate: h.Birth, Date: date, Service: name, Code: code, Cost: cost, Clinic: clinic}
	}
	adults := serviceClinic{"260001", firstClinic.Name}
	children := serviceClinic{"260002", childClinic.Name}
	own := func(date, name, code string, cost int64) Service {
		return of(insured.Human, insured.Policy.ENP, adults, date, name, code, cost)
	}
	child := func(date, name, code string, cost int64) Service {
		return of(sonOfBoth.Human, sonOfBoth.Policy.ENP, children, date, name, code, cost)
	}
	return Services{SourceID: "demo-services-1", Records: []Service{
		own("2024-10-07", "Диспансеризация взрослого, первый этап", "B04.047.002", 251_840),
		own("2025-02-19", "Приём врача-терапевта первичный", "B01.047.001", 64_350),
		own("2025-02-19", "Общий анализ крови развёрнутый", "B03.016.003", 41_200),
		own("2025-11-13", "Электрокардиография", "A05.10.006", 38_500),
		own("2026-02-03", "Приём врача-офтальмолога первичный", "B01.029.001", 71_900),
		of(teenager.Human, teenager.Policy.ENP, children, "2026-02-11", "Приём врача-дерматолога", "B01.008.001", 70_100),
		child("2025-09-04", "Профилактический приём врача-педиатра", "B04.031.002", 58_700),
		child("2026-01-22", "Приём врача-педиатра первичный", "B01.031.001", 61_450),
	}}
}
