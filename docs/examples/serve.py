import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient

interpreter = IntegratedGradient(Predictor.from_path(sys.argv[1]), granularity="word")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            inputs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, found = 200, [one.to_json() for one in interpreter.interpret_json(inputs)]
        except Exception as error:  # Of this text; the next one is answered.
            status, found = 400, {"error": f"{type(error).__name__}: {error}"}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print(f"listening on port {server.server_port}", flush=True)
server.serve_forever()
