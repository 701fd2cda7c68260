// Command testcount reads the events of go test -json: it shows what failed
// and why what was skipped was, and ends with the counts. It fails when a test
// failed, when one was skipped for another reason than one that begins with
// "this machine", or when none ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	output := map[string]*strings.Builder{}
	var passed, failed, skipped, unexcused int
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // of the build
			continue
		}
		key := e.Package + " " + e.Test
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		text := output[key]
		switch e.Action {
		case "output", "build-output":
			text.WriteString(e.Output)
			continue
		case "fail":
			fmt.Printf("FAIL %s\n%s", key, text)
		case "skip":
			if e.Test == "" {
				continue // a package without tests
			}
			fmt.Printf("SKIP %s\n%s", key, text)
			if !strings.Contains(text.String(), "this machine") {
				unexcused++
			}
		case "pass":
			if e.Test == "" {
				fmt.Printf("ok   %s %.1fs\n", e.Package, e.Elapsed)
			}
		}
		if e.Test != "" {
			switch e.Action {
			case "pass":
				passed++
			case "fail":
				failed++
			case "skip":
				skipped++
			}
		} else if e.Action == "fail" {
			failed++ // a build, or a crash outside of any test
		}
	}
	if unexcused > 0 {
		fmt.Printf("%d tests were skipped that this machine could run\n", unexcused)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || unexcused > 0 || passed == 0 || in.Err() != nil {
		os.Exit(1)
	}
}
