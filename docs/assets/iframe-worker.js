// A page opened from a file may not start a worker, so its search runs in a hidden frame instead.
// The theme would load a script from the network for this.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = "<html><body></body></html>";
      this.frame.onload = () => this.start(url);
      document.body.append(this.frame);
    }
    start(url) {
      const inside = this.frame.contentWindow;
      // A message arrives later, never within the call that sends it.
      inside.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
      const script = inside.document.createElement("script");
      script.src = new URL(url, document.baseURI).href;
      script.onerror = (event) => this.onerror?.(event);
      script.onload = () => {
        this.inside = inside;
        this.waiting.splice(0).forEach((data) => this.postMessage(data));
      };
      inside.document.body.append(script);
    }
    postMessage(data) {
      if (!this.inside) return void this.waiting.push(data);
      const copy = this.inside.structuredClone(data); // objects of the frame, not of the page
      setTimeout(() => this.inside.onmessage?.({ data: copy }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
