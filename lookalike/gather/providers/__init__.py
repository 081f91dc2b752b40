"""Where photos can come from: one file and one line each. `lookalike providers` prints this table."""

PROVIDERS: dict[str, str] = {
    "openverse": "lookalike.gather.providers.openverse:Openverse",
    "commons": "lookalike.gather.providers.commons:Commons",
    "bing": "lookalike.gather.providers.bing:Bing",
    "webiq": "lookalike.gather.providers.webiq:WebIQ",
    "brave": "lookalike.gather.providers.brave:Brave",
    "inat": "lookalike.gather.providers.inat:INaturalist",
    "ddgs": "lookalike.gather.providers.ddgs:Ddgs",
    "searxng": "lookalike.gather.providers.searxng:SearXNG",
    "serpapi": "lookalike.gather.providers.serpapi:SerpApi",
    "urls": "lookalike.gather.providers.urls:Urls",
    "folder": "lookalike.gather.providers.folder:Folder",
    "digits": "lookalike.gather.providers.digits:Digits",
}
