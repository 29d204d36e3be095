# Fastly in front of `safelight uploads`, `safelight up` or a bucket, for the host of SAFELIGHT_DELIVERY_URL: its own VCL, with
# the macros where Fastly puts its code.

sub vcl_recv {
#FASTLY recv
  if (req.method != "GET" && req.method != "HEAD" && req.method != "FASTLYPURGE") {
    error 405;
  }
  # Protected images: each signed URL is asked for at the origin, which looks at its signature and its end.
  if (req.url.path !~ "^/public/") {
    return(pass);
  }
  # Public ones differ by nothing but their path, and by what `?download=` calls the file.
  set req.url = querystring.filter_except(req.url, "download");
  unset req.http.Cookie;
  unset req.http.Authorization;
  return(lookup);
}

sub vcl_fetch {
#FASTLY fetch
  # What is not there now may be in a moment, when an image is made public.
  if (beresp.status >= 400) {
    set beresp.ttl = 10s;
    return(deliver);
  }
  # Otherwise Cache-Control holds: a year for public renditions.
  return(deliver);
}
