// Starts GraphiQL on the service that serves this page. The token is kept for as
// long as the tab is, and goes nowhere else.
"use strict";
(() => {
  window.__webpack_nonce__ = document.currentScript.nonce; // for the styles of dialogs
  const key = "satgraph-token";
  const example = `# Children of the heart. Ctrl-Enter asks; Ctrl-Space completes.
{
  term(name: "heart") {
    id
    name
    children { id name kind }
  }
}
`;
  const input = document.getElementById("token");
  const said = document.getElementById("said");
  const root = ReactDOM.createRoot(document.getElementById("graphiql"));
  let socket;

  // start begins anew, since whoever asks now may see another schema.
  const start = (token) => {
    if (socket) socket.dispose();
    const authorization = token ? { Authorization: `Bearer ${token}` } : {};
    socket = graphqlWs.createClient({
      url: location.origin.replace(/^http/, "ws") + "/graphql",
      connectionParams: authorization,
      lazy: true,
      retryAttempts: 3,
    });
    const fetcher = GraphiQL.createFetcher({
      url: "/graphql",
      headers: authorization,
      wsClient: socket,
      fetch: async (url, options) => {
        const response = await fetch(url, { ...options, credentials: "omit", redirect: "error" });
        said.textContent = response.status === 401 ? "The service wants a token: satgraph token create NAME" : "";
        return response;
      },
    });
    const asked = new URLSearchParams(location.search);
    root.render(React.createElement(GraphiQL, {
      key: String(Date.now()),
      fetcher,
      defaultQuery: example,
      query: asked.get("query") ?? undefined,
      variables: asked.get("variables") ?? undefined,
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false,
    }));
  };

  document.getElementById("who").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = input.value.trim();
    if (token) sessionStorage.setItem(key, token);
    else sessionStorage.removeItem(key);
    start(token);
  });
  input.value = sessionStorage.getItem(key) ?? "";
  start(input.value);
})();
