"""tritonclient's four clients behind one face, so that one test drives them all."""

import asyncio

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

# HTTP statuses and gRPC codes that stand for the same kind of error.
CODES = {
    "400": "invalid",
    "StatusCode.INVALID_ARGUMENT": "invalid",
    "404": "not found",
    "StatusCode.NOT_FOUND": "not found",
    "500": "internal",
    "StatusCode.INTERNAL": "internal",
    "501": "unsupported",
    "StatusCode.UNIMPLEMENTED": "unsupported",
    "503": "unavailable",
    "StatusCode.UNAVAILABLE": "unavailable",
}


class Kind:
    """Calls any method of a client and returns what it returns, as JSON where it is a message."""

    def __init__(self, server):
        self.server = server

    def __getattr__(self, method):
        def call(*arguments, **options):
            if self.is_grpc and method.startswith(("get_", "update_")):
                options.setdefault("as_json", True)
            return self.run(method, arguments, options)

        return call

    def inputs(self, /, binary=True, **arrays):
        """Input tensors by name; the datatype follows from the array's."""
        return [self.input(name, array, binary=binary) for name, array in arrays.items()]

    def input(self, name, array, datatype=None, binary=True):
        array = np.asarray(array)
        datatype = datatype or self.module.np_to_triton_dtype(array.dtype)
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        if self.is_grpc:
            tensor.set_data_from_numpy(array)
        else:
            tensor.set_data_from_numpy(array, binary_data=binary)
        return tensor

    def output(self, name, **options):
        return self.module.InferRequestedOutput(name, **options)

    def error(self, method, *arguments, **options):
        """The message and status of the error that the call must give."""
        try:
            answer = getattr(self, method)(*arguments, **options)
        except self.module.InferenceServerException as error:
            return error.message(), CODES.get(error.status(), error.status())
        raise AssertionError(f"{method}{arguments} gave {answer} instead of an error")


class Sync(Kind):
    def run(self, method, arguments, options):
        with self.module.InferenceServerClient(self.url) as client:
            return getattr(client, method)(*arguments, **options)


class Aio(Kind):
    def run(self, method, arguments, options):
        async def call():
            async with self.aio_module.InferenceServerClient(self.url) as client:
                return await getattr(client, method)(*arguments, **options)

        return asyncio.run(call())


class Http:
    module = tritonclient.http
    aio_module = tritonclient.http.aio
    is_grpc = False

    @property
    def url(self):
        return self.server.http_url


class Grpc:
    module = tritonclient.grpc
    aio_module = tritonclient.grpc.aio
    is_grpc = True

    @property
    def url(self):
        return self.server.grpc_url


class HttpSync(Http, Sync):
    name = "http"


class HttpAio(Http, Aio):
    name = "http.aio"


class GrpcSync(Grpc, Sync):
    name = "grpc"


class GrpcAio(Grpc, Aio):
    name = "grpc.aio"


ALL = (HttpSync, GrpcSync, HttpAio, GrpcAio)
