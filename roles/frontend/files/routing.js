// A page of the application is no file: all of them are index.html, which sees by the address what to show. What has a
// dot in its last part is a file, so one that is missing is told as missing. The API's errors are the API's.
function handler(event) {
  const request = event.request;
  const uri = request.uri;
  const last = uri.slice(uri.lastIndexOf('/') + 1);
  const file = last.includes('.') || uri.startsWith('/.well-known/');
  const api = uri === '/api' || uri.startsWith('/api/');
  if (!file && !api) {
    request.uri = '/index.html';
  }
  return request;
}
