// Orders are signed over their bytes, which a browser form cannot do: the page reads, it does not send.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#interface",
  deepLinking: true,
  docExpansion: "none",
  supportedSubmitMethods: ["get"],
  validatorUrl: null,
});
