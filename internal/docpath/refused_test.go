package docpath

import (
	"strings"
	"testing"
)

func TestA10VCSNames(t *testing.T) {
	check := func(t *testing.T, in string, want bool) {
		t.Helper()
		if got := VCS(must(t, in)); got != want {
			t.Errorf("VCS(%q) = %v, want %v", in, got, want)
		}
	}
	for _, dir := range []string{".git", ".hg", ".svn", ".jj", ".bzr", "CVS", "_darcs", ".pijul", "_svn", "_MTN", ".repo", ".sl"} {
		for _, name := range []string{dir, strings.ToUpper(dir), strings.ToLower(dir), dir[:1] + strings.ToUpper(dir[1:])} {
			for _, p := range []string{name, name + "/config", "a/" + name + "/hooks/pre-commit", "a/b/" + name} {
				check(t, p, true)
			}
		}
	}
	for _, p := range []string{"git~1", "GIT~1/hooks", "hg~2", "a/SVN~10", ".ſvn"} {
		check(t, p, true)
	}
	for _, p := range []string{"git", "a.git", ".github/x", ".gitignore", ".gitattributes", ".gitmodules", "cvs.go", "darcs", "git~", "git~x", "svn"} {
		check(t, p, false)
	}
}

func TestA11SecretNames(t *testing.T) {
	check := func(t *testing.T, in string, want bool) {
		t.Helper()
		if got := Secret(must(t, in)); got != want {
			t.Errorf("Secret(%q) = %v, want %v", in, got, want)
		}
	}
	names := []string{
		".env", ".env.local", ".env.production", ".envrc", "prod.env", "id_rsa", "id_rsa.pub", "id_ed25519", "id_ecdsa_sk", "id_dsa",
		"server.pem", "server.key", "cert.p12", "cert.pfx", "app.jks", "my.keystore", "putty.ppk", "AuthKey.p8", "krb5.keytab",
		".npmrc", ".netrc", "_netrc", ".pgpass", ".pypirc", ".htpasswd", ".git-credentials", ".dockercfg", ".my.cnf", ".s3cfg",
		"terraform.tfstate", "terraform.tfstate.backup", "x.tfstate.1234", "prod.tfvars", "credentials", "credentials.json",
		"credentials-prod.yml", "vault.kdbx", "service-account.json", "service-account-prod.json", "my-service_account.json",
		"client_secret_123.apps.json", "secrets.yml", "secrets.yaml", ".vault-token", ".vault_pass.txt", "wallet.dat", ".bash_history",
		".aws/config", ".ssh/known_hosts", ".kube/config", ".gnupg/pubring.kbx", ".azure/x", ".docker/config.json", ".config/gh/hosts.yml",
		".m2/settings.xml", "ssh_host_rsa_key", ".dev.vars", "local.settings.json", "kubeconfig.yaml", "prod.kubeconfig", ".erlang.cookie",
		"wp-config.php", "token.json", ".token", ".passwd", "aws-credentials.json", "new_user_credentials.csv", "rootkey.csv", "db-secret.yaml",
		"app_secrets.yml", "krb5cc_1000", "UTC--2016-01-11T00-00-00Z--01", "dropbear_rsa_host_key", "wg0.conf", ".vscode/sftp.json", "age/keys.txt",
		".cache/huggingface/token", "etc/shadow", "x-firebase-adminsdk-1.json", "key.properties", ".viminfo", "virtualbox/private_key",
	}
	for _, name := range names {
		check(t, name, true)
		check(t, "a/b/"+name, true)
		check(t, strings.ToUpper(name), true)
	}
	for _, name := range []string{
		".env~", ".env.swp", ".server.key.swp", "server.key~", "server.key.bak", "id_rsa.old", "#server.key#", ".#server.key", "server.pem.orig.bak",
		".\u212aube/config", ".ſsh/config", "server.\u212aey",
	} {
		check(t, name, true)
	}
	for _, name := range []string{
		"main.go", "README.md", "environment.ts", "keys.go", "key", "monkey.go", "env", "src/env/index.ts", "pem.go", "secret.go", "secrets/load.go",
		"service-account.go", "config.json", "docker/config.json", ".gitignore", ".github/workflows/ci.yml", "package.json", "password_test.go",
		"tfstate.go", ".bashrc", "npmrc", "id.go", "keystore.go", "history.md", ".vimrc", "settings.xml", "src/shadow/map.ts", "tokens.json", "locales/en/auth.json", "token/token.go", "private_key/mod.rs", "kubeconfig.go",
		"sftp.json", "secret-santa.yaml", "keys.txt", "a~", ".a.swp", "~", "#", "##",
	} {
		check(t, name, false)
	}
}
