// Command kube-apiserver is the real one, unchanged, without the rest of Kubernetes: what leases, watches, access rules
// and custom resources are tested against.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	_ "k8s.io/component-base/logs/json/register"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
