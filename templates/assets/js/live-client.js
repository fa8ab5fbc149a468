/* The page's side of the worker: questions with an answer each, their progress, and a way to stop them. */
(() => {
  convatlas.LiveClient = class {
    /** `failed` hears of a worker that cannot start. */
    constructor(failed = () => {}) {
      this.open = new Map();
      this.last = 0;
      this.worker = new Worker(convatlas.url('assets/js/live-worker.js'));
      this.worker.onmessage = ({data: {id, progress, done, failed: why}}) => {
        const one = this.open.get(id);
        if (!one) return;
        if (progress) return void one.progress(progress);
        this.open.delete(id);
        if (done) one.resolve(done);
        else one.reject(new Error(why));
      };
      this.worker.onerror = (event) => {
        event.preventDefault();
        const error = new Error(event.message || 'worker');
        for (const one of this.open.values()) one.reject(error);
        this.open.clear();
        failed(error);
      };
    }

    /** A promise of the answer, with `id` to stop it by. */
    ask(kind, parts = {}, progress = () => {}) {
      const id = (this.last += 1);
      const promise = new Promise((resolve, reject) => this.open.set(id, {resolve, reject, progress}));
      this.worker.postMessage({...parts, ask: kind, id});
      promise.id = id;
      return promise;
    }

    stop(promise) { if (promise) this.worker.postMessage({ask: 'stop', id: promise.id}); }
  };
})();
