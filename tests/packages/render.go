// render CHART RELEASE NAMESPACE [VALUES...]: the documents of a chart on standard output, what NOTES.txt says on standard
// error. For machines without helm, and of helm only as much as a plain chart needs: values over values, templates with
// sprig's functions and `include`, `toYaml`, `fromYaml`. Stricter than helm: a value that is not there is an error, and so is
// any function besides.
//
// Built with Debian's packages alone: `make chart-test` does.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/ghodss/yaml"
)

type values = map[string]interface{}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func read(path string) values {
	text, err := os.ReadFile(path)
	check(err)
	read := values{}
	check(yaml.Unmarshal(text, &read))
	return read
}

// A map is laid over a map, anything else takes the place of what was there.
func lay(over, under values) {
	for key, value := range over {
		upper, isMap := value.(values)
		lower, wasMap := under[key].(values)
		if isMap && wasMap {
			lay(upper, lower)
		} else {
			under[key] = value
		}
	}
}

func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env") // what helm leaves out
	delete(known, "expandenv")
	known["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	known["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	known["fromYaml"] = func(text string) (values, error) {
		value := values{}
		return value, yaml.Unmarshal([]byte(text), &value)
	}
	return known
}

func main() {
	if len(os.Args) < 4 {
		check(fmt.Errorf("usage: render CHART RELEASE NAMESPACE [VALUES...]"))
	}
	chart := os.Args[1]
	about := read(filepath.Join(chart, "Chart.yaml"))
	set := read(filepath.Join(chart, "values.yaml"))
	for _, path := range os.Args[4:] {
		lay(read(path), set)
	}
	data := values{
		"Values":  set,
		"Chart":   values{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": values{"Name": os.Args[2], "Namespace": os.Args[3], "Service": "Helm", "IsInstall": true, "IsUpgrade": false},
	}

	all := template.New("chart").Option("missingkey=error")
	all.Funcs(functions(all))
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	check(err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(err)
		_, err = all.New(filepath.Base(path)).Parse(string(text))
		check(err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		var text bytes.Buffer
		switch {
		case strings.HasPrefix(name, "_"):
		case name == "NOTES.txt":
			check(all.ExecuteTemplate(os.Stderr, name, data))
		default:
			check(all.ExecuteTemplate(&text, name, data))
			fmt.Printf("---\n# %s\n%s\n", name, text.String())
		}
	}
}
