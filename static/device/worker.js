// Made of ui/device (sha256 f26901e8ebd2a533c9793baeddceac2c571968c79f5077bd074af2872a59b252)
// and @litertjs/core 2.5.3, Apache License 2.0. See build.mjs there.
(() => {
  // node_modules/@litertjs/wasm-utils/dist/index.js
  async function runScript(scriptUrl) {
    if (typeof importScripts === "function") {
      importScripts(scriptUrl.toString());
    } else {
      const script = document.createElement("script");
      script.src = scriptUrl.toString();
      script.crossOrigin = "anonymous";
      return new Promise((resolve, revoke) => {
        script.addEventListener("load", () => {
          resolve();
        }, false);
        script.addEventListener("error", (e) => {
          revoke(e);
        }, false);
        document.body.appendChild(script);
      });
    }
  }
  var createWasmLib = async (constructorFcn, wasmLoaderScript, assetLoaderScript, glCanvas, fileLocator) => {
    if (wasmLoaderScript) {
      await runScript(wasmLoaderScript);
    }
    if (!self.ModuleFactory) {
      throw new Error("ModuleFactory not set.");
    }
    if (assetLoaderScript) {
      await runScript(assetLoaderScript);
      if (!self.ModuleFactory) {
        throw new Error("ModuleFactory not set.");
      }
    }
    if (self.Module && fileLocator) {
      const moduleFileLocator = self.Module;
      moduleFileLocator.locateFile = fileLocator.locateFile;
      if (fileLocator.mainScriptUrlOrBlob) {
        moduleFileLocator.mainScriptUrlOrBlob = fileLocator.mainScriptUrlOrBlob;
      }
    }
    const module = await self.ModuleFactory(self.Module || fileLocator);
    self.ModuleFactory = self.Module = void 0;
    return new constructorFcn(module, glCanvas);
  };

  // node_modules/@litertjs/core/dist/index.js
  var ElementType = {
    NONE: 0,
    FLOAT32: 1,
    INT32: 2,
    UINT8: 3,
    INT64: 4,
    STRING: 5,
    BOOL: 6,
    INT16: 7,
    COMPLEX64: 8,
    INT8: 9,
    FLOAT16: 10,
    FLOAT64: 11,
    COMPLEX128: 12,
    UINT64: 13,
    RESOURCE: 14,
    VARIANT: 15,
    UINT32: 16,
    UINT16: 17,
    INT4: 18,
    BFLOAT16: 19
  };
  var ElementTypeName = {
    [ElementType.NONE]: "NONE",
    [ElementType.FLOAT32]: "FLOAT32",
    [ElementType.INT32]: "INT32",
    [ElementType.UINT8]: "UINT8",
    [ElementType.INT64]: "INT64",
    [ElementType.STRING]: "STRING",
    [ElementType.BOOL]: "BOOL",
    [ElementType.INT16]: "INT16",
    [ElementType.COMPLEX64]: "COMPLEX64",
    [ElementType.INT8]: "INT8",
    [ElementType.FLOAT16]: "FLOAT16",
    [ElementType.FLOAT64]: "FLOAT64",
    [ElementType.COMPLEX128]: "COMPLEX128",
    [ElementType.UINT64]: "UINT64",
    [ElementType.RESOURCE]: "RESOURCE",
    [ElementType.VARIANT]: "VARIANT",
    [ElementType.UINT32]: "UINT32",
    [ElementType.UINT16]: "UINT16",
    [ElementType.INT4]: "INT4",
    [ElementType.BFLOAT16]: "BFLOAT16"
  };
  var TensorBufferType = {
    HOST_MEMORY: 1,
    WEB_GPU_BUFFER: 20,
    WEB_GPU_BUFFER_FP16: 21,
    WEB_GPU_BUFFER_PACKED: 26
  };
  var TensorBufferTypeName = {
    [TensorBufferType.HOST_MEMORY]: "HOST_MEMORY",
    [TensorBufferType.WEB_GPU_BUFFER]: "WEB_GPU_BUFFER",
    [TensorBufferType.WEB_GPU_BUFFER_FP16]: "WEB_GPU_BUFFER_FP16",
    [TensorBufferType.WEB_GPU_BUFFER_PACKED]: "WEB_GPU_BUFFER_PACKED"
  };
  var DATATYPES = Object.freeze([
    {
      dtype: "float32",
      typedArrayConstructor: Float32Array,
      elementType: ElementType.FLOAT32
    },
    {
      dtype: "int32",
      typedArrayConstructor: Int32Array,
      elementType: ElementType.INT32
    },
    {
      dtype: "uint8",
      typedArrayConstructor: Uint8Array,
      elementType: ElementType.UINT8
    }
  ]);
  function getDataType(val) {
    for (const dataTypeMapping of DATATYPES) {
      if (dataTypeMapping.dtype === val || dataTypeMapping.typedArrayConstructor === val || val instanceof dataTypeMapping.typedArrayConstructor || dataTypeMapping.elementType === val) {
        return dataTypeMapping;
      }
    }
    if (typeof val === "string") {
      throw new Error(`DType ${val} is not supported.`);
    } else if (val instanceof Object) {
      throw new Error(`Typed array ${"name" in val ? val.name : val.constructor.name} is not supported.`);
    } else {
      throw new Error(
        `Element type ${ElementTypeName[val] ?? val} is not supported.`
      );
    }
  }
  var LiteRtNotLoadedError = class extends Error {
    constructor() {
      super(
        "LiteRT is not initialized yet. Please call loadLiteRt() and wait for its promise to resolve to load the LiteRT WASM module."
      );
    }
  };
  var globalLiteRt = void 0;
  var globalLiteRtPromise = void 0;
  function getGlobalLiteRt() {
    if (!globalLiteRt) {
      throw new LiteRtNotLoadedError();
    }
    return globalLiteRt;
  }
  function setGlobalLiteRt(liteRt) {
    globalLiteRt = liteRt;
  }
  function getGlobalLiteRtPromise() {
    return globalLiteRtPromise;
  }
  function hasGlobalLiteRtPromise() {
    return Boolean(globalLiteRtPromise);
  }
  function setGlobalLiteRtPromise(promise) {
    globalLiteRtPromise = promise;
  }
  var AcceleratorDefaultTensorBufferType = {
    "webgpu": TensorBufferType.WEB_GPU_BUFFER_PACKED,
    "wasm": TensorBufferType.HOST_MEMORY
  };
  var TensorBufferTypeToAccelerator = {
    [TensorBufferType.HOST_MEMORY]: "wasm",
    [TensorBufferType.WEB_GPU_BUFFER]: "webgpu",
    [TensorBufferType.WEB_GPU_BUFFER_FP16]: "webgpu",
    [TensorBufferType.WEB_GPU_BUFFER_PACKED]: "webgpu"
  };
  var DESIRED_WEBGPU_FEATURES = [
    "shader-f16",
    "subgroups"
  ];
  var Environment = class _Environment {
    constructor(options) {
      this.options = options;
      this.liteRtEnvironment = getGlobalLiteRt().liteRtWasm.LiteRtEnvironment.create(
        options.webGpuDevice
      );
    }
    liteRtEnvironment;
    static async create(options = {}) {
      let webGpuDevice = null;
      if ("webGpuDevice" in options) {
        if (options.webGpuDevice) {
          webGpuDevice = options.webGpuDevice;
        }
      } else {
        try {
          webGpuDevice = await createDefaultWebGpuDevice();
        } catch (e) {
          console.warn("Failed to create default WebGPU device:", e);
        }
      }
      return new _Environment({
        ...options,
        webGpuDevice
      });
    }
    get webGpuDevice() {
      return this.options.webGpuDevice;
    }
    delete() {
      this.liteRtEnvironment.delete();
    }
  };
  async function createDefaultWebGpuDevice() {
    const adapterDescriptor = {
      powerPreference: "high-performance"
    };
    const adapter = await navigator.gpu.requestAdapter(adapterDescriptor);
    if (!adapter) {
      throw new Error("No GPU adapter found.");
    }
    const requiredLimits = {
      maxBufferSize: adapter.limits.maxBufferSize,
      maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage,
      maxTextureDimension2D: adapter.limits.maxTextureDimension2D
    };
    const requiredFeatures = [];
    for (const feature of DESIRED_WEBGPU_FEATURES) {
      if (adapter.features.has(feature)) {
        requiredFeatures.push(feature);
      }
    }
    return await adapter.requestDevice({
      requiredFeatures,
      requiredLimits
    });
  }
  function emscriptenVectorToArray(vector) {
    const array = new Array(vector.size());
    for (let i = 0; i < vector.size(); ++i) {
      array[i] = vector.get(i);
    }
    vector.delete();
    return array;
  }
  function fillEmscriptenVector(data, vector) {
    for (const item of data) {
      vector.push_back(item);
    }
  }
  function parseData(remainingArgs) {
    const data = remainingArgs.shift();
    const liteRtWasm = getGlobalLiteRt().liteRtWasm;
    if (data instanceof liteRtWasm.LiteRtTensorBuffer) {
      return { liteRtTensorBuffer: data };
    } else if (ArrayBuffer.isView(data)) {
      return { typedArray: data };
    } else if (data instanceof GPUBuffer) {
      return { gpuBuffer: data };
    } else {
      throw new Error(
        `Unknown type (${data?.constructor.name ?? data}) provided to create a Tensor`
      );
    }
  }
  function parseShape(remainingArgs) {
    if (Array.isArray(remainingArgs[0]) || remainingArgs[0] instanceof Int32Array) {
      return { shape: remainingArgs.shift() };
    } else {
      return {};
    }
  }
  function shiftUntilDefined(remainingArgs) {
    while (remainingArgs.length > 0 && remainingArgs[0] === void 0) {
      remainingArgs.shift();
    }
  }
  function parseDataType(remainingArgs) {
    shiftUntilDefined(remainingArgs);
    if (typeof remainingArgs[0] === "string") {
      const dtype = remainingArgs.shift();
      return { dataType: getDataType(dtype).dtype };
    } else {
      return {};
    }
  }
  function parseEnvironment(remainingArgs) {
    shiftUntilDefined(remainingArgs);
    if (remainingArgs[0] instanceof Environment) {
      return { environment: remainingArgs.shift() };
    } else {
      return {};
    }
  }
  function parseOnDelete(remainingArgs) {
    shiftUntilDefined(remainingArgs);
    if (remainingArgs[0] instanceof Function) {
      return { onDelete: remainingArgs.shift() };
    } else {
      return {};
    }
  }
  function parseArgs(args) {
    return {
      ...parseData(args),
      ...parseShape(args),
      ...parseDataType(args),
      ...parseEnvironment(args),
      ...parseOnDelete(args)
    };
  }
  var Tensor = class _Tensor {
    liteRtTensorBuffer;
    type;
    environment;
    deletedInternal = false;
    onDelete;
    static copyFunctions = /* @__PURE__ */ new Map();
    constructor(a, b, c, d, e) {
      const {
        typedArray,
        gpuBuffer,
        liteRtTensorBuffer,
        shape,
        dataType,
        environment,
        onDelete
      } = parseArgs([a, b, c, d, e]);
      this.onDelete = onDelete;
      this.environment = environment ?? getGlobalLiteRt().getDefaultEnvironment();
      if (liteRtTensorBuffer) {
        if (shape) {
          throw new Error(
            "A LiteRtTensorBuffer cannot be provided with a shape."
          );
        }
        if (dataType) {
          throw new Error(
            "A LiteRtTensorBuffer cannot be provided with a data type."
          );
        }
        this.liteRtTensorBuffer = liteRtTensorBuffer;
      } else if (gpuBuffer) {
        if (!shape) {
          throw new Error("A GPUBuffer must be provided with a shape.");
        }
        if (!dataType) {
          throw new Error("A GPUBuffer must be provided with a data type.");
        }
        const [liteRtTensorBuffer2, webGpuBufferPtr] = webGpuBufferToLiteRtTensorBuffer(
          gpuBuffer,
          shape,
          dataType,
          this.environment
        );
        this.liteRtTensorBuffer = liteRtTensorBuffer2;
        const onDelete2 = this.onDelete;
        this.onDelete = () => {
          const liteRtWasm = getGlobalLiteRt().liteRtWasm;
          liteRtWasm.wgpuBufferRelease(webGpuBufferPtr);
          onDelete2?.();
        };
      } else if (typedArray) {
        this.liteRtTensorBuffer = typedArrayToLiteRtTensorBuffer(
          typedArray,
          shape,
          environment
        );
      } else {
        throw new Error("No data provided to create a Tensor.");
      }
      this.type = liteRtTensorBufferToTensorType(this.liteRtTensorBuffer);
    }
    static fromTypedArray(data, shape, environment) {
      return new _Tensor(data, shape, environment);
    }
    ensureNotDeleted() {
      if (this.deleted) {
        throw new Error("Tensor is deleted and cannot be used.");
      }
    }
    async data() {
      this.ensureNotDeleted();
      if (this.liteRtTensorBuffer.bufferType().value === TensorBufferType.HOST_MEMORY) {
        return this.toTypedArray();
      }
      const copy = await this.copyTo("wasm");
      const data = await copy.data();
      copy.delete();
      return data;
    }
    toTypedArray() {
      this.ensureNotDeleted();
      const liteRtWasm = getGlobalLiteRt().liteRtWasm;
      if (this.liteRtTensorBuffer.isWebGpuMemory()) {
        throw new Error(
          "Cannot convert a Tensor with WebGPU memory to a TypedArray."
        );
      }
      if (this.liteRtTensorBuffer.bufferType().value !== liteRtWasm.LiteRtTensorBufferType.HOST_MEMORY.value) {
        throw new Error(
          "Cannot convert a Tensor with non-host memory to a TypedArray."
        );
      }
      if (this.liteRtTensorBuffer.size() !== this.liteRtTensorBuffer.packedSize() || this.liteRtTensorBuffer.offset() !== 0) {
        throw new Error("Tensors with strides or padding are not yet supported.");
      }
      const rankedTensorType = this.liteRtTensorBuffer.tensorType();
      const elementType = rankedTensorType.elementType();
      const byteWidth = liteRtWasm.liteRtGetByteWidth(elementType);
      rankedTensorType.delete();
      const typedArrayConstructor = getDataType(
        elementType.value
      ).typedArrayConstructor;
      if (typedArrayConstructor.BYTES_PER_ELEMENT !== byteWidth) {
        throw new Error(
          `Byte width ${byteWidth} of the tensor's element type ${ElementTypeName[elementType.value]} does not match the expected byte width ${typedArrayConstructor.BYTES_PER_ELEMENT} of the ${typedArrayConstructor.name}.`
        );
      }
      const dataPtr = this.liteRtTensorBuffer.lock(
        getGlobalLiteRt().liteRtWasm.LiteRtTensorBufferLockMode.READ
      );
      try {
        const uint8Array = liteRtWasm.HEAPU8.slice(
          dataPtr,
          dataPtr + this.liteRtTensorBuffer.packedSize()
        );
        const typedArray = new typedArrayConstructor(
          uint8Array.buffer,
          uint8Array.byteOffset,
          uint8Array.byteLength / byteWidth
        );
        return typedArray;
      } finally {
        this.liteRtTensorBuffer.unlock();
      }
    }
    getBufferType() {
      this.ensureNotDeleted();
      return this.liteRtTensorBuffer.bufferType().value;
    }
    /**
     * Returns the underlying GPUBuffer of the Tensor.
     *
     * Note that the lifetime of the returned GPUBuffer is dependant upon how the
     * Tensor was created. If the Tensor was constructed from a GPUBuffer, then
     * the GPUBuffer will NOT be released when the Tensor is deleted. If the
     * Tensor was copied/moved to GPU from host memory, then the GPU buffer will
     * be released when the Tensor is deleted.
     *
     * The GPU buffer may be larger than the actual data in the tensor.
     *
     * @return The GPUBuffer containing the Tensor's data.
     */
    toGpuBuffer() {
      this.ensureNotDeleted();
      const liteRtWasm = getGlobalLiteRt().liteRtWasm;
      if (!this.liteRtTensorBuffer.isWebGpuMemory()) {
        throw new Error(
          "Cannot convert a Tensor with non-WebGPU memory to a GPUBuffer."
        );
      }
      const bufferTypeValue = this.liteRtTensorBuffer.bufferType().value;
      if (bufferTypeValue !== liteRtWasm.LiteRtTensorBufferType.WEB_GPU_BUFFER.value && bufferTypeValue !== liteRtWasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_FP16.value && bufferTypeValue !== liteRtWasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_PACKED.value) {
        throw new Error(
          "Cannot convert a Tensor with host memory to a GPUBuffer."
        );
      }
      if (this.liteRtTensorBuffer.size() !== this.liteRtTensorBuffer.packedSize() || this.liteRtTensorBuffer.offset() !== 0) {
        throw new Error("Tensors with strides or padding are not yet supported.");
      }
      const gpuBufferId = this.liteRtTensorBuffer.getWebGpuBuffer();
      return liteRtWasm.WebGPU.getJsObject(gpuBufferId);
    }
    getCopyFunctionSet(destination) {
      this.ensureNotDeleted();
      const sourceBufferType = this.getBufferType();
      const copyFunctions = _Tensor.copyFunctions.get(sourceBufferType);
      if (!copyFunctions) {
        throw new Error(
          `TensorBufferType ${TensorBufferTypeName[sourceBufferType] ?? sourceBufferType} does not support copying or moving`
        );
      }
      const destinationBufferType = typeof destination === "string" ? AcceleratorDefaultTensorBufferType[destination] : destination;
      if (destinationBufferType == null) {
        throw new Error(
          `Unknown destination '${destination}' for copying or moving.`
        );
      }
      const copyFunctionSet = copyFunctions.get(destinationBufferType);
      if (!copyFunctionSet) {
        const supportedDestinations = [...copyFunctions].map(
          ([key]) => TensorBufferTypeName[key] ?? key
        );
        throw new Error(
          `TensorBufferType ${TensorBufferTypeName[sourceBufferType]} does not support copying or moving to ${TensorBufferTypeName[destinationBufferType]}. It supports the following TensorBufferTypes: [${supportedDestinations.join(
            ", "
          )}].`
        );
      }
      return [copyFunctionSet, destinationBufferType];
    }
    /**
     * Copies the tensor to the given accelerator.
     *
     * @param destination The accelerator or buffer type to copy to.
     * @return A promise that resolves to the copied tensor.
     */
    async copyTo(destination, options) {
      const [copyFunctionSet, destinationBufferType] = this.getCopyFunctionSet(destination);
      if (!copyFunctionSet.copyTo) {
        throw new Error(
          `Copying to ${TensorBufferTypeName[destinationBufferType]} is not supported by this tensor.`
        );
      }
      return copyFunctionSet.copyTo(this, options);
    }
    /**
     * Moves the tensor to the given accelerator.
     *
     * @param destination The accelerator or buffer type to move to.
     * @return A promise that resolves to the moved tensor.
     */
    async moveTo(destination, options) {
      const [copyFunctionSet, destinationBufferType] = this.getCopyFunctionSet(destination);
      if (!copyFunctionSet.moveTo) {
        throw new Error(
          `Moving to ${TensorBufferTypeName[destinationBufferType]} is not supported by this tensor.`
        );
      }
      return copyFunctionSet.moveTo(this, options);
    }
    get bufferType() {
      return this.liteRtTensorBuffer.bufferType().value;
    }
    get accelerator() {
      const accelerator = TensorBufferTypeToAccelerator[this.bufferType];
      if (accelerator === void 0) {
        throw new Error(
          `TensorBufferType ${TensorBufferTypeName[this.bufferType]} has an unknown accelerator type.`
        );
      }
      return accelerator;
    }
    get deleted() {
      return this.deletedInternal;
    }
    delete() {
      if (this.deletedInternal) {
        return;
      }
      this.deletedInternal = true;
      this.liteRtTensorBuffer.delete();
      this.onDelete?.();
    }
  };
  function liteRtTensorBufferToTensorType(liteRtTensorBuffer) {
    const liteRtRankedTensorType = liteRtTensorBuffer.tensorType();
    const elementType = liteRtRankedTensorType.elementType();
    const liteRtLayout = liteRtRankedTensorType.layout();
    const dimensions = liteRtLayout.dimensions();
    liteRtLayout.delete();
    liteRtRankedTensorType.delete();
    return {
      dtype: getDataType(elementType.value).dtype,
      layout: { dimensions: emscriptenVectorToArray(dimensions) }
    };
  }
  function webGpuBufferToLiteRtTensorBuffer(gpuBuffer, shape, dtype, environment) {
    const globalLiteRt2 = getGlobalLiteRt();
    const liteRtWasm = globalLiteRt2.liteRtWasm;
    const dimensionsVector = new liteRtWasm.VectorInt32();
    fillEmscriptenVector(shape, dimensionsVector);
    const layout = liteRtWasm.LiteRtLayout.create(dimensionsVector);
    dimensionsVector.delete();
    const rankedTensorType = liteRtWasm.LiteRtRankedTensorType.create(
      { value: getDataType(dtype).elementType },
      layout
    );
    layout.delete();
    const importedGpuBufferPtr = liteRtWasm.WebGPU.importJsBuffer(gpuBuffer);
    const liteRtTensorBuffer = liteRtWasm.LiteRtTensorBuffer.createFromWebGpuBuffer(
      environment.liteRtEnvironment,
      rankedTensorType,
      liteRtWasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_PACKED,
      importedGpuBufferPtr,
      gpuBuffer.size
    );
    rankedTensorType.delete();
    return [liteRtTensorBuffer, importedGpuBufferPtr];
  }
  function typedArrayToLiteRtTensorBuffer(data, shape, environment) {
    const globalLiteRt2 = getGlobalLiteRt();
    const liteRtWasm = globalLiteRt2.liteRtWasm;
    environment = environment ?? globalLiteRt2.getDefaultEnvironment();
    const elementType = getDataType(data).elementType;
    const dimensionsVector = new liteRtWasm.VectorInt32();
    fillEmscriptenVector(shape ?? [data.length], dimensionsVector);
    const layout = liteRtWasm.LiteRtLayout.create(dimensionsVector);
    dimensionsVector.delete();
    const expectedNumElements = layout.numElements();
    if (data.length !== expectedNumElements) {
      layout.delete();
      throw new Error(
        `Number of elements ${data.length} of the provided TypedArray does not match the expected number of elements ${expectedNumElements}.`
      );
    }
    const rankedTensorType = liteRtWasm.LiteRtRankedTensorType.create(
      { value: elementType },
      layout
    );
    layout.delete();
    const arrayType = data.constructor;
    const bufferSize = arrayType.BYTES_PER_ELEMENT * data.length;
    const expectedBufferSize = rankedTensorType.bytes();
    if (bufferSize !== expectedBufferSize) {
      rankedTensorType.delete();
      throw new Error(
        `Byte length ${bufferSize} of the provided TypedArray does not match the expected buffer size ${expectedBufferSize}.`
      );
    }
    const liteRtTensorBuffer = liteRtWasm.LiteRtTensorBuffer.createManaged(
      environment.liteRtEnvironment,
      liteRtWasm.LiteRtTensorBufferType.HOST_MEMORY,
      rankedTensorType,
      bufferSize
    );
    rankedTensorType.delete();
    const dataPtr = liteRtTensorBuffer.lock(
      liteRtWasm.LiteRtTensorBufferLockMode.WRITE
    );
    try {
      const uint8Data = new Uint8Array(
        data.buffer,
        data.byteOffset,
        data.byteLength
      );
      liteRtWasm.HEAPU8.set(uint8Data, dataPtr);
    } finally {
      liteRtTensorBuffer.unlock();
    }
    return liteRtTensorBuffer;
  }
  var CompiledModelSignatureRunner = class {
    constructor(signatureIndex, liteRtModel, liteRtCompiledModel, options) {
      this.signatureIndex = signatureIndex;
      this.liteRtModel = liteRtModel;
      this.liteRtCompiledModel = liteRtCompiledModel;
      this.options = options;
      this.liteRtSimpleSignature = liteRtModel.getSignature(signatureIndex);
      const inputNames = emscriptenVectorToArray(this.liteRtSimpleSignature.inputNames());
      const inputDetails = [];
      for (let i = 0; i < inputNames.length; i++) {
        const name = inputNames[i];
        const tensorType = liteRtModel.getInputTensorType(signatureIndex, i);
        const requirements = liteRtCompiledModel.getInputBufferRequirements(signatureIndex, i);
        inputDetails.push(makeTensorDetails(name, i, tensorType, requirements));
      }
      this.inputDetails = Object.freeze(inputDetails);
      const outputNames = emscriptenVectorToArray(this.liteRtSimpleSignature.outputNames());
      const outputDetails = [];
      for (let i = 0; i < outputNames.length; i++) {
        const name = outputNames[i];
        const tensorType = liteRtModel.getOutputTensorType(signatureIndex, i);
        const requirements = liteRtCompiledModel.getOutputBufferRequirements(signatureIndex, i);
        outputDetails.push(makeTensorDetails(name, i, tensorType, requirements));
      }
      this.outputDetails = Object.freeze(outputDetails);
    }
    inputDetails;
    outputDetails;
    liteRtSimpleSignature;
    deletedInternal = false;
    /**
     * The string key corresponding to this signature in the model.
     */
    get key() {
      this.ensureNotDeleted();
      return this.liteRtSimpleSignature.key();
    }
    /**
     * Get details about each input tensor.
     */
    getInputDetails() {
      this.ensureNotDeleted();
      return this.inputDetails;
    }
    /**
     * Get details about each output tensor.
     */
    getOutputDetails() {
      this.ensureNotDeleted();
      return this.outputDetails;
    }
    async run(input) {
      this.ensureNotDeleted();
      const inputArray = this.inputsToArray(input);
      const { inputsOnAccelerator, cleanup } = await this.ensureInputsOnAccelerator(inputArray);
      let outputArray;
      try {
        outputArray = await this.runWithArray(inputsOnAccelerator);
      } finally {
        cleanup();
      }
      if (Array.isArray(input) || input instanceof Tensor) {
        return outputArray;
      } else {
        return this.outputsToRecord(outputArray);
      }
    }
    inputsToArray(input) {
      if (Array.isArray(input)) {
        if (input.length !== this.inputDetails.length) {
          throw new Error(
            `run() called with ${input.length} inputs, but signature expects ${this.inputDetails.length} inputs`
          );
        }
        return input;
      }
      if (input instanceof Tensor) {
        if (this.inputDetails.length !== 1) {
          throw new Error(
            `run() called with a single tensor, but signature expects ${this.inputDetails.length} inputs`
          );
        }
        return [input];
      }
      const inputArray = [];
      for (const inputDetails of this.inputDetails) {
        if (!(inputDetails.name in input)) {
          throw new Error(
            `run() called with input record that is missing input ${inputDetails.name} with index ${inputDetails.index}`
          );
        }
        inputArray.push(input[inputDetails.name]);
      }
      return inputArray;
    }
    outputsToRecord(output) {
      const outputRecord = {};
      for (let i = 0; i < this.outputDetails.length; i++) {
        outputRecord[this.outputDetails[i].name] = output[i];
      }
      return outputRecord;
    }
    /**
     * Ensures that all input tensors are on the correct accelerator. Copies any
     * tensors that are not on the correct accelerator.
     *
     * @param inputs The input tensors to be passed to the signature. They must
     *     be in the same order and quantity as the input details.
     * @return A promise that resolves to a list of input tensors that are on the
     *     correct accelerator, and a cleanup function that deletes any tensors
     *     that were copied.
     */
    async ensureInputsOnAccelerator(inputs) {
      const toDelete = [];
      const inputsOnAccelerator = [];
      const inputDetails = this.getInputDetails();
      if (inputs.length !== inputDetails.length) {
        throw new Error(`ensureInputsOnAccelerator() called with ${inputs.length} inputs, but signature expects ${inputDetails.length} inputs`);
      }
      for (let i = 0; i < inputs.length; i++) {
        const input = inputs[i];
        const bufferType = input.getBufferType();
        const supportedBufferTypes = inputDetails[i].supportedBufferTypes;
        if (supportedBufferTypes.size === 0) {
          throw new Error(`Tensor ${inputDetails[i].name} with index ${inputDetails[i].index} has no supported buffer types.`);
        }
        if (supportedBufferTypes.has(bufferType)) {
          inputsOnAccelerator.push(input);
        } else {
          const newBufferType = supportedBufferTypes.values().next().value;
          const copy = await input.copyTo(newBufferType);
          toDelete.push(copy);
          inputsOnAccelerator.push(copy);
        }
      }
      return {
        inputsOnAccelerator,
        cleanup: () => {
          for (const tensor of toDelete) {
            tensor.delete();
          }
        }
      };
    }
    async runWithArray(input) {
      for (let i = 0; i < input.length; i++) {
        const inputTensor = input[i];
        const expectedRankedTensorType = this.liteRtModel.getInputTensorType(this.signatureIndex, i);
        const inputRequirements = this.liteRtCompiledModel.getInputBufferRequirements(
          this.signatureIndex,
          i
        );
        getGlobalLiteRt().liteRtWasm.checkTensorBufferCompatible(
          inputTensor.liteRtTensorBuffer,
          expectedRankedTensorType,
          inputRequirements
        );
        expectedRankedTensorType.delete();
        inputRequirements.delete();
      }
      const outputTensorBuffers = await this.liteRtCompiledModel.run(
        this.signatureIndex,
        input.map((tensor) => tensor.liteRtTensorBuffer)
      );
      return outputTensorBuffers.map(
        (tensorBuffer) => new Tensor(tensorBuffer, this.options.environment)
      );
    }
    get deleted() {
      return this.deletedInternal;
    }
    ensureNotDeleted() {
      if (this.deleted) {
        throw new Error(
          "CompiledModelSignatureRunner is deleted and cannot be used."
        );
      }
    }
    delete() {
      if (this.deletedInternal) {
        return;
      }
      this.deletedInternal = true;
      this.liteRtSimpleSignature.delete();
    }
  };
  function makeTensorDetails(name, index, tensorType, requirements) {
    const layout = tensorType.layout();
    const dimensions = emscriptenVectorToArray(layout.dimensions());
    layout.delete();
    const supportedBufferTypes = new Set(emscriptenVectorToArray(requirements.supportedTypes()).map(({ value }) => value));
    const details = {
      name,
      index,
      dtype: getDataType(tensorType.elementType().value).dtype,
      shape: new Int32Array(dimensions),
      supportedBufferTypes
    };
    tensorType.delete();
    requirements.delete();
    return details;
  }
  var CompiledModel = class {
    constructor(model, liteRtCompiledModel, options, onDelete) {
      this.model = model;
      this.liteRtCompiledModel = liteRtCompiledModel;
      this.options = options;
      this.onDelete = onDelete;
      const numSignatures = model.liteRtModel.getNumSignatures();
      const compiledModelSignatureRunners = {};
      for (let i = 0; i < numSignatures; i++) {
        const compiledModelSignatureRunner = new CompiledModelSignatureRunner(
          i,
          model.liteRtModel,
          liteRtCompiledModel,
          options
        );
        compiledModelSignatureRunners[compiledModelSignatureRunner.key] = compiledModelSignatureRunner;
      }
      this.compiledModelSignatureRunners = Object.freeze(compiledModelSignatureRunners);
      this.defaultSignature = Object.values(this.signatures)[0];
      this.key = this.defaultSignature.key;
    }
    defaultSignature;
    compiledModelSignatureRunners;
    key;
    deletedInternal = false;
    get signatures() {
      this.ensureNotDeleted();
      return this.compiledModelSignatureRunners;
    }
    getInputDetails() {
      this.ensureNotDeleted();
      return this.defaultSignature.getInputDetails();
    }
    getOutputDetails() {
      this.ensureNotDeleted();
      return this.defaultSignature.getOutputDetails();
    }
    async run(inputOrSignatureName, maybeInput) {
      this.ensureNotDeleted();
      const [signature, input] = this.parseRunInputs(inputOrSignatureName, maybeInput);
      return await signature.run(input);
    }
    parseRunInputs(inputOrSignatureName, maybeInput) {
      let signature;
      let input;
      if (typeof inputOrSignatureName === "string") {
        signature = this.signatures[inputOrSignatureName];
        if (!signature) {
          throw new Error(
            `No signature named ${inputOrSignatureName} found in model.`
          );
        }
        if (!maybeInput) {
          throw new Error(
            `No input provided for signature ${inputOrSignatureName}`
          );
        }
        input = maybeInput;
      } else {
        signature = this.defaultSignature;
        input = inputOrSignatureName;
      }
      return [signature, input];
    }
    get deleted() {
      return this.deletedInternal;
    }
    ensureNotDeleted() {
      if (this.deleted) {
        throw new Error("CompiledModel is deleted and cannot be used.");
      }
    }
    get isFullyAccelerated() {
      this.ensureNotDeleted();
      return this.liteRtCompiledModel.isFullyAccelerated();
    }
    delete() {
      if (this.deletedInternal) {
        return;
      }
      this.deletedInternal = true;
      this.liteRtCompiledModel.delete();
      this.model.delete();
      for (const signatureRunner of Object.values(
        this.compiledModelSignatureRunners
      )) {
        signatureRunner.delete();
      }
      this.onDelete();
    }
  };
  async function urlToUint8Array(url) {
    const response = await fetch(url);
    return new Uint8Array(await response.arrayBuffer());
  }
  async function readableStreamDefaultReaderToUint8Array(reader) {
    let byteOffset = 0;
    let array = new Uint8Array(
      1024
      /* arbitrary starting size */
    );
    const MAX_ARRAY_SIZE = 2e9;
    while (true) {
      const { done, value } = await reader.read();
      if (value) {
        if (array.byteLength < byteOffset + value.byteLength) {
          if (byteOffset + value.byteLength > MAX_ARRAY_SIZE) {
            throw new Error(`Model is too large (> ${MAX_ARRAY_SIZE} bytes).`);
          }
          const newArray = new Uint8Array(Math.min(
            MAX_ARRAY_SIZE,
            Math.max(array.byteLength, value.byteLength) * 2
          ));
          newArray.set(array);
          array = newArray;
        }
        array.set(value, byteOffset);
        byteOffset += value.byteLength;
      }
      if (done) {
        break;
      }
    }
    return array.slice(0, byteOffset);
  }
  var Model = class {
    constructor(liteRtModel, onDelete) {
      this.liteRtModel = liteRtModel;
      this.onDelete = onDelete;
    }
    delete() {
      this.liteRtModel.delete();
      this.onDelete();
    }
  };
  function fillCompileOptions(compileOptions = {}, environment, defaultThreadCount) {
    return {
      environment,
      accelerator: compileOptions.accelerator ?? (environment.webGpuDevice ? "webgpu" : "wasm"),
      cpuOptions: compileOptions.cpuOptions ?? { numThreads: defaultThreadCount },
      gpuOptions: compileOptions.gpuOptions ?? {},
      webNNOptions: compileOptions.webNNOptions ?? {}
    };
  }
  var WASM_RELAXED_SIMD_CHECK = new Uint8Array([
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    5,
    1,
    96,
    0,
    1,
    123,
    3,
    2,
    1,
    0,
    10,
    15,
    1,
    13,
    0,
    65,
    1,
    253,
    15,
    65,
    2,
    253,
    15,
    253,
    128,
    2,
    11
  ]);
  var WASM_THREADS_CHECK = new Uint8Array([
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    4,
    1,
    96,
    0,
    0,
    3,
    2,
    1,
    0,
    5,
    4,
    1,
    3,
    1,
    1,
    10,
    11,
    1,
    9,
    0,
    65,
    0,
    254,
    16,
    2,
    0,
    26,
    11
  ]);
  var WASM_FEATURE_VALUES = {
    "relaxedSimd": void 0,
    "threads": void 0,
    "jspi": void 0,
    "webnn": void 0
  };
  function isJspiSupported() {
    return "Suspending" in WebAssembly;
  }
  function isWebNnSupported() {
    return typeof navigator !== "undefined" && !!navigator.ml;
  }
  async function tryWasm(wasm) {
    try {
      await WebAssembly.instantiate(wasm);
      return { supported: true };
    } catch (e) {
      return { supported: false, error: e };
    }
  }
  var WASM_FEATURE_CHECKS = {
    "relaxedSimd": () => {
      if (WASM_FEATURE_VALUES.relaxedSimd === void 0) {
        WASM_FEATURE_VALUES.relaxedSimd = tryWasm(WASM_RELAXED_SIMD_CHECK);
      }
      return WASM_FEATURE_VALUES.relaxedSimd;
    },
    "threads": () => {
      if (WASM_FEATURE_VALUES.threads === void 0) {
        try {
          if (typeof MessageChannel !== "undefined") {
            new MessageChannel().port1.postMessage(new SharedArrayBuffer(1));
          }
          WASM_FEATURE_VALUES.threads = tryWasm(WASM_THREADS_CHECK);
        } catch (e) {
          WASM_FEATURE_VALUES.threads = Promise.resolve({ supported: false, error: e });
        }
      }
      return WASM_FEATURE_VALUES.threads;
    },
    "jspi": () => {
      if (WASM_FEATURE_VALUES.jspi === void 0) {
        const supported = isJspiSupported();
        WASM_FEATURE_VALUES.jspi = Promise.resolve({
          supported,
          error: supported ? void 0 : new Error("JSPI is not supported")
        });
      }
      return WASM_FEATURE_VALUES.jspi;
    },
    "webnn": () => {
      if (WASM_FEATURE_VALUES.webnn === void 0) {
        const supported = isWebNnSupported();
        WASM_FEATURE_VALUES.webnn = Promise.resolve({
          supported,
          error: supported ? void 0 : new Error("WebNN is not supported")
        });
      }
      return WASM_FEATURE_VALUES.webnn;
    }
  };
  async function supportsFeature(feature) {
    const check = WASM_FEATURE_CHECKS[feature]?.();
    if (!check) {
      throw new Error(`Unknown feature: ${feature}`);
    }
    return (await check).supported;
  }
  async function throwIfFeatureNotSupported(feature) {
    const check = WASM_FEATURE_CHECKS[feature]?.();
    if (!check) {
      throw new Error(`Unknown feature: ${feature}`);
    }
    const result = await check;
    if (!result.supported) {
      throw result.error;
    }
  }
  function loadAndCompile(model, compileOptions) {
    return getGlobalLiteRt().loadAndCompile(model, compileOptions);
  }
  var LiteRt = class {
    liteRtWasm;
    defaultEnvironment;
    objectsToDelete = /* @__PURE__ */ new Set();
    constructor(wasmModule) {
      this.liteRtWasm = wasmModule;
      this.liteRtWasm.setupLogging();
    }
    setDefaultEnvironment(environment) {
      this.defaultEnvironment = environment;
    }
    getDefaultEnvironment() {
      if (!this.defaultEnvironment) {
        throw new Error("Default environment is not set.");
      }
      return this.defaultEnvironment;
    }
    setWebGpuDevice(device) {
      const oldEnvironment = this.getDefaultEnvironment();
      this.setDefaultEnvironment(new Environment({
        ...oldEnvironment.options,
        webGpuDevice: device
      }));
    }
    getWebGpuDevice() {
      return this.getDefaultEnvironment().webGpuDevice;
    }
    /**
     * Registers an object to be deleted when this LiteRt instance is deleted.
     * Internal use only.
     */
    _registerObjectForDeletion(object) {
      this.objectsToDelete.add(object);
    }
    /**
     * Unregisters an object from being deleted when this LiteRt instance is
     * deleted. Internal use only.
     */
    _unregisterObjectForDeletion(object) {
      this.objectsToDelete.delete(object);
    }
    /**
     * Loads and compiles a LiteRt model.
     *
     * @param model The model data. This can be a string (the model url), a URL
     *     object, a Uint8Array (the model bytes), or a
     *     ReadableStreamDefaultReader (for streaming model loading).
     * @param compileOptions The options for compiling the model. This includes
     *     the accelerator to use ('webgpu' or 'wasm') and the WebGPU device
     *     (for direct GPU model inputs / outputs).
     * @returns A promise that resolves to the CompiledModel.
     */
    async loadAndCompile(model, compileOptions = {}) {
      let modelData;
      if (typeof model === "string" || model instanceof URL) {
        modelData = await urlToUint8Array(model);
      } else if (model instanceof Uint8Array) {
        modelData = model;
      } else if (model instanceof ReadableStreamDefaultReader) {
        modelData = await readableStreamDefaultReaderToUint8Array(model);
      } else {
        throw new Error("Unsupported model type.");
      }
      const environment = compileOptions.environment ?? this.getDefaultEnvironment();
      const accelerator = compileOptions.accelerator ?? (environment.webGpuDevice ? "webgpu" : "wasm");
      const isWebGpu = accelerator === "webgpu";
      if (isWebGpu && !environment.webGpuDevice) {
        throw new Error(
          "WebGPU was requested but no WebGPU device is set in the environment."
        );
      }
      const filledCompileOptions = fillCompileOptions(
        compileOptions,
        environment,
        this.liteRtWasm.getThreadCount()
      );
      const ptr = this.liteRtWasm._malloc(modelData.byteLength);
      this.liteRtWasm.HEAPU8.set(modelData, ptr);
      const wasmModel = this.liteRtWasm.loadModel(
        filledCompileOptions.environment.liteRtEnvironment,
        ptr,
        modelData.byteLength
      );
      const wasmCompiledModel = await this.liteRtWasm.compileModel(
        filledCompileOptions.environment.liteRtEnvironment,
        wasmModel,
        filledCompileOptions
      );
      const loadedModel = new Model(wasmModel, () => {
        this.liteRtWasm._free(ptr);
      });
      const compiledModel = new CompiledModel(
        loadedModel,
        wasmCompiledModel,
        filledCompileOptions,
        () => {
          this.objectsToDelete.delete(compiledModel);
        }
      );
      this.objectsToDelete.add(compiledModel);
      const isWebNn = accelerator === "webnn";
      const acceleratorRequested = isWebGpu || isWebNn;
      if (acceleratorRequested && !compiledModel.isFullyAccelerated) {
        if (isJspiSupported()) {
          console.warn(
            `%c[LiteRT]%c Model not fully compiled for ${accelerator}. Partially delegating to WASM execution.`,
            "background: #FFA000; color: black; font-weight: bold; padding: 2px 5px; border-radius: 3px;",
            "font-weight: bold;"
          );
        } else {
          console.warn(
            `%c[LiteRT]%c Model not fully compiled for ${accelerator} on non-JSPI browser. Falling back to WASM execution.`,
            "background: #D32F2F; color: white; font-weight: bold; padding: 2px 5px; border-radius: 3px;",
            "color: #D32F2F; font-weight: bold;"
          );
          compiledModel.delete();
          const fallbackCompileOptions = {
            ...compileOptions,
            accelerator: "wasm"
          };
          return this.loadAndCompile(modelData, fallbackCompileOptions);
        }
      }
      return compiledModel;
    }
    delete() {
      for (const object of this.objectsToDelete) {
        object.delete();
      }
    }
  };
  function pathToString(path) {
    return path;
  }
  function appendPathSegment(path, segment) {
    if (!path) return segment;
    if (!segment) return path;
    const pathWithSlash = path.endsWith("/") ? path : path + "/";
    const segmentWithoutSlash = segment.startsWith("/") ? segment.substring(1) : segment;
    return pathWithSlash + segmentWithoutSlash;
  }
  var WASM_JS_FILE_NAME = "litert_wasm_internal.js";
  var WASM_JS_COMPAT_FILE_NAME = "litert_wasm_compat_internal.js";
  var WASM_JS_THREADED_FILE_NAME = "litert_wasm_threaded_internal.js";
  var WASM_JS_JSPI_FILE_NAME = "litert_wasm_jspi_internal.js";
  async function load(path, options) {
    const pathString = pathToString(path);
    const isFullFilePath = pathString.endsWith(".wasm") || pathString.endsWith(".js");
    const relaxedSimd = await supportsFeature("relaxedSimd");
    if (options?.threads) {
      if (options?.jspi) {
        throw new Error(
          "The `threads` and `jspi` options are mutually exclusive."
        );
      }
      if (isFullFilePath) {
        console.warn(
          `The \`threads\` option was specified, but the wasm path ${pathString} is a full file path. Whether threads are available or not will depend on the loaded file. To allow LiteRT.js to load the threaded wasm file, use a directory path instead of a full file path.`
        );
      }
      if (!relaxedSimd) {
        throw new Error(
          "Threads are only supported with relaxed SIMD, and the current browser does not support relaxed SIMD."
        );
      }
      await throwIfFeatureNotSupported("threads");
    }
    if (options?.jspi) {
      if (isFullFilePath) {
        console.warn(
          `The \`jspi\` option was specified, but the wasm path ${pathString} is a full file path. Whether JSPI is available or not will depend on the loaded file. To allow LiteRT.js to load the JSPI wasm file, use a directory path instead of a full file path.`
        );
      }
      await throwIfFeatureNotSupported("jspi");
    }
    let fileName = WASM_JS_COMPAT_FILE_NAME;
    if (relaxedSimd) {
      if (options?.threads) {
        fileName = WASM_JS_THREADED_FILE_NAME;
      } else if (options?.jspi) {
        fileName = WASM_JS_JSPI_FILE_NAME;
      } else {
        fileName = WASM_JS_FILE_NAME;
      }
    }
    let jsFilePath = path;
    if (pathString.endsWith(".wasm")) {
      throw new Error(
        "Please load the `.js` file corresponding to the `.wasm` file, or load the directory containing it."
      );
    } else if (!pathString.endsWith(".js")) {
      jsFilePath = appendPathSegment(path, fileName);
    }
    return createWasmLib(LiteRt, jsFilePath);
  }
  function loadLiteRt(path, options) {
    if (hasGlobalLiteRtPromise()) {
      throw new Error("LiteRT is already loading / loaded.");
    }
    setGlobalLiteRtPromise(load(path, options).then(async (liteRt) => {
      setGlobalLiteRt(liteRt);
      liteRt.setDefaultEnvironment(
        await Environment.create()
      );
      return liteRt;
    }).catch((error) => {
      setGlobalLiteRtPromise(void 0);
      throw error;
    }));
    return getGlobalLiteRtPromise();
  }
  var compilationLock = Promise.resolve();
  async function copyHostMemoryToHostMemory(cpuTensor, options = {}) {
    const environment = options.environment ?? cpuTensor.environment;
    const liteRtWasm = getGlobalLiteRt().liteRtWasm;
    const srcTensorBuffer = cpuTensor.liteRtTensorBuffer;
    const bufferType = srcTensorBuffer.bufferType();
    if (bufferType.value !== TensorBufferType.HOST_MEMORY) {
      throw new Error(
        "Source tensor is not in host memory. Cannot copy to host memory."
      );
    }
    const srcTensorMemoryPtr = srcTensorBuffer.lock(
      liteRtWasm.LiteRtTensorBufferLockMode.READ
    );
    let destTensorBuffer;
    try {
      destTensorBuffer = liteRtWasm.LiteRtTensorBuffer.createManaged(
        environment.liteRtEnvironment,
        liteRtWasm.LiteRtTensorBufferType.HOST_MEMORY,
        srcTensorBuffer.tensorType(),
        srcTensorBuffer.size()
      );
      const destMemoryPointer = destTensorBuffer.lock(
        liteRtWasm.LiteRtTensorBufferLockMode.WRITE
      );
      try {
        const srcTensorMemoryView = new Uint8Array(
          liteRtWasm.HEAPU8.buffer,
          srcTensorMemoryPtr,
          srcTensorBuffer.size()
        );
        liteRtWasm.HEAPU8.set(srcTensorMemoryView, destMemoryPointer);
      } finally {
        destTensorBuffer.unlock();
      }
    } finally {
      srcTensorBuffer.unlock();
    }
    if (!destTensorBuffer) {
      throw new Error("Failed to create destination tensor buffer.");
    }
    return new Tensor(destTensorBuffer, environment);
  }
  async function cpuTensorToGpuTensor(cpuTensor, options = {}) {
    const environment = options.environment ?? cpuTensor.environment;
    const device = environment.webGpuDevice;
    if (!device) {
      throw new Error(
        "No WebGPU device is available. Did you forget to pass a destination environment that has a WebGPU device?"
      );
    }
    const liteRtWasm = getGlobalLiteRt().liteRtWasm;
    const byteLength = cpuTensor.liteRtTensorBuffer.size();
    const paddedByteLength = byteLength + 3 & ~3;
    const stagingBuffer = device.createBuffer({
      size: paddedByteLength,
      usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
      mappedAtCreation: true
    });
    const mappedBuffer = await stagingBuffer.getMappedRange();
    const mappedArray = new Uint8Array(mappedBuffer);
    const cpuMemoryPtr = cpuTensor.liteRtTensorBuffer.lock(
      liteRtWasm.LiteRtTensorBufferLockMode.READ
    );
    try {
      const cpuMemoryView = new Uint8Array(
        liteRtWasm.HEAPU8.buffer,
        cpuMemoryPtr,
        cpuTensor.liteRtTensorBuffer.size()
      );
      mappedArray.set(cpuMemoryView);
    } finally {
      cpuTensor.liteRtTensorBuffer.unlock();
    }
    stagingBuffer.unmap();
    const buffer = device.createBuffer({
      size: paddedByteLength,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE
    });
    const commandEncoder = device.createCommandEncoder();
    commandEncoder.copyBufferToBuffer(
      stagingBuffer,
      0,
      buffer,
      0,
      paddedByteLength
    );
    device.queue.submit([commandEncoder.finish()]);
    stagingBuffer.destroy();
    return new Tensor(
      buffer,
      cpuTensor.type.layout.dimensions,
      cpuTensor.type.dtype,
      environment,
      () => {
        buffer.destroy();
      }
    );
  }
  async function gpuTensorToCpuTensor(gpuTensor, options = {}) {
    const environment = options.environment ?? gpuTensor.environment;
    const device = gpuTensor.environment.webGpuDevice;
    if (!device) {
      throw new Error(
        "No WebGPU device is available. Does the source tensor have a WebGPU device?"
      );
    }
    const liteRtWasm = getGlobalLiteRt().liteRtWasm;
    const tensorBuffer = gpuTensor.liteRtTensorBuffer;
    const bufferType = tensorBuffer.bufferType();
    if (bufferType !== liteRtWasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_PACKED) {
      throw new Error(`Cannot convert a tensor with a non-WebGPU buffer type ${bufferType} to a CPU tensor.`);
    }
    const gpuBuffer = liteRtWasm.WebGPU.getJsObject(
      tensorBuffer.getWebGpuBuffer()
    );
    const byteOffset = tensorBuffer.offset();
    const tensorType = tensorBuffer.tensorType();
    const layout = tensorType.layout();
    const numElements = layout.numElements();
    const arrayConstructor = getDataType(tensorType.elementType().value).typedArrayConstructor;
    layout.delete();
    tensorType.delete();
    let mappableBuffer = gpuBuffer;
    let cleanupBuffer = () => {
    };
    if (!(gpuBuffer.usage & GPUBufferUsage.MAP_READ)) {
      mappableBuffer = device.createBuffer({
        size: gpuBuffer.size,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ
      });
      cleanupBuffer = () => {
        mappableBuffer.destroy();
      };
      const commandEncoder = device.createCommandEncoder();
      commandEncoder.copyBufferToBuffer(
        gpuBuffer,
        0,
        mappableBuffer,
        0,
        gpuBuffer.size
      );
      device.queue.submit([commandEncoder.finish()]);
    }
    await mappableBuffer.mapAsync(GPUMapMode.READ);
    const mappedBuffer = mappableBuffer.getMappedRange();
    const mappedArray = new arrayConstructor(mappedBuffer, byteOffset, numElements);
    const cpuTensor = new Tensor(mappedArray, gpuTensor.type.layout.dimensions, environment);
    mappableBuffer.unmap();
    cleanupBuffer();
    return cpuTensor;
  }
  function makeMoveTo(copyTo) {
    return async (tensor, options) => {
      const result = await copyTo(tensor, options);
      tensor.delete();
      return result;
    };
  }
  function registerCopyFunctions() {
    Tensor.copyFunctions.set(TensorBufferType.HOST_MEMORY, /* @__PURE__ */ new Map([
      [
        TensorBufferType.HOST_MEMORY,
        {
          copyTo: copyHostMemoryToHostMemory,
          // There might be a more efficient way to move
          // from CPU to CPU.
          moveTo: makeMoveTo(copyHostMemoryToHostMemory)
        }
      ],
      [
        TensorBufferType.WEB_GPU_BUFFER_PACKED,
        {
          copyTo: cpuTensorToGpuTensor,
          moveTo: makeMoveTo(cpuTensorToGpuTensor)
        }
      ]
    ]));
    Tensor.copyFunctions.set(TensorBufferType.WEB_GPU_BUFFER_PACKED, /* @__PURE__ */ new Map([
      [
        TensorBufferType.HOST_MEMORY,
        {
          copyTo: gpuTensorToCpuTensor,
          moveTo: makeMoveTo(gpuTensorToCpuTensor)
        }
      ]
    ]));
  }
  registerCopyFunctions();

  // pixels.js
  var rad = (degrees) => degrees * Math.PI / 180;
  function reduced(picture, factor) {
    const width = Math.floor(picture.width / factor);
    const height = Math.floor(picture.height / factor);
    const data = new Uint8Array(width * height * 4);
    const area = factor * factor;
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        let r = 0, g = 0, b = 0;
        for (let dy = 0; dy < factor; dy++) {
          let from = ((y * factor + dy) * picture.width + x * factor) * 4;
          for (let dx = 0; dx < factor; dx++, from += 4) {
            r += picture.data[from];
            g += picture.data[from + 1];
            b += picture.data[from + 2];
          }
        }
        data[to] = r / area + 0.5 | 0;
        data[to + 1] = g / area + 0.5 | 0;
        data[to + 2] = b / area + 0.5 | 0;
      }
    }
    return { width, height, data };
  }
  function part(picture, left, top, right, bottom) {
    const width = right - left, height = bottom - top;
    const data = new Uint8Array(width * height * 4);
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * picture.width + left) * 4;
      data.set(picture.data.subarray(from, from + width * 4), y * width * 4);
    }
    return { width, height, data };
  }
  function warp({ width, height, data }, size, [a, b, c, d], tx, ty, reflect) {
    const out = new Float32Array(size * size * 3);
    const inside = (value, length) => value >= 0 && value < length;
    const mirrored = (value, length) => {
      if (length === 1) return 0;
      while (!inside(value, length)) value = value < 0 ? -value : 2 * length - 2 - value;
      return value;
    };
    const add = (to, x, y, weight) => {
      if (reflect) {
        x = mirrored(x, width);
        y = mirrored(y, height);
      } else if (!inside(x, width) || !inside(y, height)) return;
      const from = (y * width + x) * 4;
      out[to] += weight * data[from];
      out[to + 1] += weight * data[from + 1];
      out[to + 2] += weight * data[from + 2];
    };
    const fixed = (value) => Math.round(value * 1024);
    const across = Int32Array.from({ length: size }, (_, x) => fixed(a * x));
    const down = Int32Array.from({ length: size }, (_, x) => fixed(c * x));
    for (let y = 0, to = 0; y < size; y++) {
      const left = fixed(b * y + tx) + 16, top = fixed(d * y + ty) + 16;
      for (let x = 0; x < size; x++, to += 3) {
        const sx = left + across[x] >> 5, sy = top + down[x] >> 5;
        const x0 = sx >> 5, y0 = sy >> 5;
        const fx = (sx & 31) / 32, fy = (sy & 31) / 32;
        if (x0 >= 0 && y0 >= 0 && x0 + 1 < width && y0 + 1 < height) {
          const p = (y0 * width + x0) * 4, q = p + width * 4;
          const w00 = (1 - fx) * (1 - fy), w01 = fx * (1 - fy), w10 = (1 - fx) * fy, w11 = fx * fy;
          out[to] = w00 * data[p] + w01 * data[p + 4] + w10 * data[q] + w11 * data[q + 4] + 0.5 | 0;
          out[to + 1] = w00 * data[p + 1] + w01 * data[p + 5] + w10 * data[q + 1] + w11 * data[q + 5] + 0.5 | 0;
          out[to + 2] = w00 * data[p + 2] + w01 * data[p + 6] + w10 * data[q + 2] + w11 * data[q + 6] + 0.5 | 0;
        } else {
          add(to, x0, y0, (1 - fx) * (1 - fy));
          add(to, x0 + 1, y0, fx * (1 - fy));
          add(to, x0, y0 + 1, (1 - fx) * fy);
          add(to, x0 + 1, y0 + 1, fx * fy);
          out[to] = Math.round(out[to]);
          out[to + 1] = Math.round(out[to + 1]);
          out[to + 2] = Math.round(out[to + 2]);
        }
      }
    }
    return out;
  }
  var Window = class {
    constructor(cx, cy, side, size, roll = 0) {
      Object.assign(this, { cx, cy, side, size, step: side / size });
      const cos = Math.cos(rad(roll)) * this.step, sin = Math.sin(rad(roll)) * this.step;
      this.matrix = [cos, -sin, sin, cos];
    }
    toPicture([x, y]) {
      const [a, b, c, d] = this.matrix, u = x - this.size / 2, v = y - this.size / 2;
      return [a * u + b * v + this.cx, c * u + d * v + this.cy];
    }
  };
  var Pyramid = class {
    constructor(picture) {
      this.width = picture.width;
      this.height = picture.height;
      this.levels = [picture];
    }
    whole(size) {
      return new Window(this.width / 2, this.height / 2, Math.max(this.width, this.height), size);
    }
    // Black beyond the border.
    cut(window) {
      const wanted = Math.floor(Math.log2(Math.max(window.step, 1)));
      for (let last; this.levels.length <= wanted; this.levels.push(reduced(last, 2))) {
        last = this.levels.at(-1);
        if (Math.min(last.width, last.height) < 4) break;
      }
      const level = Math.min(wanted, this.levels.length - 1);
      const scale = 2 ** level;
      const [x, y] = window.toPicture([0.5, 0.5]);
      const matrix = window.matrix.map((v) => v / scale);
      return warp(this.levels[level], window.size, matrix, x / scale - 0.5, y / scale - 0.5, false);
    }
  };
  function cropFace(picture, { x, y, side }, roll, size) {
    let cx = x + side / 2, cy = y + side / 2;
    const reach = side * 0.75 + 2;
    const left = Math.max(0, Math.trunc(cx - reach)), top = Math.max(0, Math.trunc(cy - reach));
    const right = Math.min(picture.width, Math.trunc(cx + reach) + 1);
    const bottom = Math.min(picture.height, Math.trunc(cy + reach) + 1);
    if (right - left < 2 || bottom - top < 2) return new Float32Array(size * size * 3).fill(127);
    let around = part(picture, left, top, right, bottom);
    cx -= left;
    cy -= top;
    const factor = Math.max(1, Math.trunc(side / size));
    if (factor > 1) around = reduced(around, factor);
    const step = side / size;
    const cos = Math.cos(rad(roll)) * step, sin = Math.sin(rad(roll)) * step;
    const middle = size / 2 - 0.5;
    const tx = (cx - (cos - sin) * middle) / factor - 0.5;
    const ty = (cy - (sin + cos) * middle) / factor - 0.5;
    return warp(around, size, [cos, -sin, sin, cos].map((v) => v / factor), tx, ty, true);
  }
  function quality(crop, size, [red, green, blue]) {
    const pixels = size * size, grey = new Int32Array(pixels);
    let total = 0;
    for (let i = 0, from = 0; i < pixels; i++, from += 3) {
      grey[i] = red * crop[from] + green * crop[from + 1] + blue * crop[from + 2] + 0.5 | 0;
      total += grey[i];
    }
    let sum = 0, squares = 0;
    const last = size - 1;
    for (let y = 0, i = 0; y < size; y++) {
      const above = y ? -size : size, below = y < last ? size : -size;
      for (let x = 0; x < size; x++, i++) {
        const left = x ? i - 1 : i + 1, right = x < last ? i + 1 : i - 1;
        const value = grey[i + above] + grey[i + below] + grey[left] + grey[right] - 4 * grey[i];
        sum += value;
        squares += value * value;
      }
    }
    return { sharpness: squares / pixels - (sum / pixels) ** 2, brightness: total / pixels / 255 };
  }

  // blazeface.js
  var sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
  var logitOf = (score) => Math.log(score / (1 - score));
  var Network = class {
    constructor(run2, size, layers) {
      Object.assign(this, { run: run2, size, anchors: [] });
      for (const [stride, number] of layers) {
        const side = size / stride;
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++)
            for (let n = 0; n < number; n++) this.anchors.push([(x + 0.5) * stride, (y + 0.5) * stride]);
      }
    }
    async look(square, threshold) {
      const input = new Float32Array(square.length);
      for (let i = 0; i < input.length; i++) input[i] = square[i] / 127.5 - 1;
      const [regressors, logits] = await this.run(input);
      const least = logitOf(threshold);
      const found = [];
      for (let i = 0; i < logits.length; i++) {
        if (!(logits[i] > least)) continue;
        const [ax, ay] = this.anchors[i];
        const values = regressors.subarray(16 * i, 16 * i + 16);
        const points = [];
        for (let p = 4; p < 16; p += 2) points.push([values[p] + ax, values[p + 1] + ay]);
        const [x, y, w, h] = values;
        found.push({ x: x + ax, y: y + ay, w, h, points, logit: logits[i] });
      }
      return found;
    }
  };
  function overlap(a, b) {
    const across = Math.min(a.x + a.w / 2, b.x + b.w / 2) - Math.max(a.x - a.w / 2, b.x - b.w / 2);
    const down = Math.min(a.y + a.h / 2, b.y + b.h / 2) - Math.max(a.y - a.h / 2, b.y - b.h / 2);
    return Math.max(0, across) * Math.max(0, down);
  }
  var within = (a, b) => Math.abs(a.x - b.x) < b.w / 2 && Math.abs(a.y - b.y) < b.h / 2;
  function withoutNested(faces) {
    const nested = (a, b) => a.w * a.h < b.w * b.h ? within(a, b) : a.w * a.h > b.w * b.h && within(b, a);
    return faces.filter((a) => !faces.some((b) => b.logit > a.logit && nested(a, b)));
  }
  var merged = (candidates, least) => [...groups(candidates, least)];
  function* groups(candidates, least) {
    let rest = [...candidates].sort((a, b) => b.logit - a.logit);
    while (rest.length) {
      const [first] = rest;
      const same = (other) => {
        const common = overlap(first, other);
        return other === first || common > least * (first.w * first.h + other.w * other.h - common);
      };
      const group = rest.filter(same);
      rest = rest.filter((other) => !same(other));
      const scores = group.map((c) => sigmoid(c.logit));
      const total = scores.reduce((a, b) => a + b);
      const mean = (value) => group.reduce((sum, c, i) => sum + scores[i] / total * value(c), 0);
      yield {
        x: mean((c) => c.x),
        y: mean((c) => c.y),
        w: mean((c) => c.w),
        h: mean((c) => c.h),
        points: first.points.map((_, i) => [mean((c) => c.points[i][0]), mean((c) => c.points[i][1])]),
        logit: first.logit
      };
    }
  }
  function moved(candidate, window) {
    const [x, y] = window.toPicture([candidate.x, candidate.y]);
    const points = candidate.points.map((point) => window.toPicture(point));
    return { ...candidate, x, y, w: candidate.w * window.step, h: candidate.h * window.step, points };
  }
  function blurred(values, size, sigma) {
    const reach = 4 * sigma;
    const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / sigma) ** 2) / 2));
    const total = weights.reduce((a, b) => a + b);
    const reflected = (i) => i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
    const along = (from, step, stride) => {
      const out = new Float64Array(from.length);
      for (let line = 0; line < size; line++)
        for (let i = 0; i < size; i++) {
          let sum = 0;
          weights.forEach((weight, w) => sum += weight * from[line * stride + reflected(i + w - reach) * step]);
          out[line * stride + i * step] = sum / total;
        }
      return out;
    };
    return along(along(values, 1, size), size, 1);
  }
  function deviation(values) {
    const mean = values.reduce((a, b) => a + b) / values.length;
    return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  }
  function rollOf({ points: [right, left] }) {
    return Math.atan2(left[1] - right[1], left[0] - right[0]) * 180 / Math.PI;
  }
  var BlazeFace = class {
    constructor(search, look, k, framing) {
      Object.assign(this, { search, close: look, k, framing });
      this.known = { faces: [], searched: -Infinity };
    }
    // The faces of a camera's picture at `time` in seconds, the largest first: { box, score,
    // frame, roll, points }. Searched for now and then, followed in between: fer_core/tracking/detector.py.
    async detect(pyramid, time) {
      const { width, height } = pyramid;
      let { faces, searched } = this.known;
      const same = width === this.known.width && height === this.known.height;
      const recent = same && faces.length && time - searched < this.k.MOMENT;
      faces = recent ? await this.follow(pyramid, faces) : null;
      if (!faces) {
        faces = await this.searched(pyramid);
        searched = time;
      }
      this.known = { faces, searched, width, height };
      return faces.sort((a, b) => b.w * b.h - a.w * a.h).map((face) => this.detection(face));
    }
    async follow(pyramid, faces) {
      const { k } = this;
      const now = [];
      for (const face of faces) {
        const seen = await this.looked(this.close, pyramid, face, k.FIRST_ZOOM, k.SUSPECT);
        if (seen.logit <= k.SURE) return null;
        now.push(seen);
      }
      return merged(now, k.OVERLAP).length < faces.length ? null : now;
    }
    async searched(pyramid) {
      const { k } = this;
      const suspects = await this.suspects(pyramid);
      const clear = (candidate) => candidate.logit > k.CLEAR;
      const faces = await this.faces(pyramid, suspects.filter(clear));
      if (faces.length) return withoutNested(faces);
      return withoutNested(await this.faces(pyramid, suspects.filter((c) => !clear(c))));
    }
    async suspects(pyramid) {
      const { k } = this;
      const window = pyramid.whole(this.search.size);
      const found = await this.search.look(pyramid.cut(window), k.SUSPECT);
      const here = merged(found, k.OVERLAP).map((c) => moved(c, window));
      const suspects = merged(here, k.OVERLAP);
      return suspects.filter((a, i) => !suspects.slice(0, i).some((b) => b.logit > k.LIKELY && within(a, b))).slice(0, k.MAX_LOOKS);
    }
    async faces(pyramid, suspects) {
      const { k } = this;
      const kept = [];
      for (const suspect of suspects) {
        const first = await this.looked(this.close, pyramid, suspect, k.FIRST_ZOOM);
        const likely = (suspect.logit + first.logit) / 2;
        if (likely > k.SURE) kept.push({ ...first, logit: likely });
        if (likely > k.SURE || likely <= k.UNSURE || !this.detailed(pyramid, first)) continue;
        const second = await this.looked(this.close, pyramid, first, k.SECOND_ZOOM);
        second.logit = (suspect.logit + 2 * second.logit) / 3;
        if (second.logit > k.DECIDED) kept.push(second);
      }
      return merged(kept, k.OVERLAP);
    }
    // A closer look at one of them: what it shows in the middle, or the same with the logit
    // of nothing.
    async looked(network, pyramid, suspect, zoom, threshold = this.k.LOOK) {
      const side = zoom * (suspect.w + suspect.h) / 2;
      const window = new Window(suspect.x, suspect.y, side, network.size, rollOf(suspect));
      const middle = window.size / 2;
      const found = await network.look(pyramid.cut(window), threshold);
      for (const candidate of groups(found, this.k.OVERLAP))
        if (Math.hypot(candidate.x - middle, candidate.y - middle) < window.size / zoom / 2)
          return moved(candidate, window);
      return { ...suspect, logit: this.k.NOTHING };
    }
    // Whether there are details in it as there are in faces.
    detailed(pyramid, candidate) {
      const { DETAIL, DETAIL_SIZE: size } = this.k;
      const side = (candidate.w + candidate.h) / 2;
      const square = pyramid.cut(new Window(candidate.x, candidate.y, side, size, rollOf(candidate)));
      const grey = Float64Array.from({ length: size * size }, (_, i) => (square[3 * i] + square[3 * i + 1] + square[3 * i + 2]) / 3);
      const fine = blurred(grey, size, 1), coarse = blurred(grey, size, 3);
      const edge = Math.floor(size / 6);
      const inner = (_, i) => [i % size, Math.floor(i / size)].every((at) => at >= edge && at < size - edge);
      return deviation(fine.map((v, i) => v - coarse[i]).filter(inner)) >= DETAIL * deviation(grey);
    }
    detection(face) {
      const { dx, dy, width, height } = this.framing;
      const { x, y, w, h } = face;
      const roll = rollOf(face);
      const side = Math.sqrt(w / width * (h / height));
      const cos = Math.cos(roll * Math.PI / 180), sin = Math.sin(roll * Math.PI / 180);
      const left = x - (dx * cos - dy * sin) * side - side / 2;
      const top = y - (dx * sin + dy * cos) * side - side / 2;
      const frame = { x: left, y: top, side };
      const box = [x - w / 2, y - h / 2, w, h];
      return { box, score: sigmoid(face.logit), frame, roll, points: face.points };
    }
  };

  // files.js
  var STORE = "fer-device";
  async function fetched(addresses, progress = () => {
  }) {
    const store = await self.caches?.open(STORE).catch(() => null);
    const sizes = addresses.map(() => null);
    const note = (place) => (received, total) => {
      sizes[place] = [received, Math.max(received, total)];
      const sum = (side) => sizes.reduce((all, size) => all + size[side], 0);
      if (!sizes.includes(null)) progress(sum(0) / sum(1));
    };
    const contents = await Promise.all(
      addresses.map((address, place) => content(address, store, note(place)))
    );
    for (const request of await store?.keys() ?? [])
      if (!addresses.includes(request.url)) store.delete(request);
    return contents;
  }
  async function content(address, store, note) {
    const kept = await (await store?.match(address))?.arrayBuffer();
    if (kept) {
      note(kept.byteLength, kept.byteLength);
      return kept;
    }
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address}: ${response.status}`);
    const total = Number(response.headers.get("content-length"));
    const reader = response.body.getReader();
    const chunks = [];
    let received = 0;
    for (let part2 = await reader.read(); !part2.done; part2 = await reader.read()) {
      chunks.push(part2.value);
      received += part2.value.length;
      note(received, total);
    }
    const whole = new Blob(chunks);
    await store?.put(address, new Response(whole)).catch(() => {
    });
    return whole.arrayBuffer();
  }
  async function unpacked(buffer) {
    const [first, second] = new Uint8Array(buffer, 0, 2);
    if (first !== 31 || second !== 139) return buffer;
    const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  // prior.js
  var TINY = 1e-12;
  function assumed(probabilities, { factors, power } = {}) {
    if (!factors) return probabilities;
    const weighed = probabilities.map((p, i) => Math.max(p, TINY) ** power * factors[i]);
    const sum = weighed.reduce((a, b) => a + b, 0);
    return weighed.map((value) => value / sum);
  }

  // tracker.js
  var FORBIDDEN = 1e6;
  var measured = ([x, y, w, h]) => [x + w / 2, y + h / 2, Math.log(Math.max(w * h, 1e-6)) / 2];
  var Axis = class {
    constructor(value, noise, speed) {
      Object.assign(this, { value, speed: 0, variance: noise ** 2, shared: 0, speedVariance: speed ** 2 });
    }
    predict(seconds, drift, fade) {
      const left = Math.exp(-seconds / fade), reach = fade * (1 - left), noise = drift * drift;
      this.value += reach * this.speed;
      this.speed *= left;
      this.variance += reach * (2 * this.shared + reach * this.speedVariance);
      this.variance += noise * seconds ** 3 / 3;
      this.shared = left * (this.shared + reach * this.speedVariance) + noise * seconds ** 2 / 2;
      this.speedVariance = left * left * this.speedVariance + noise * seconds;
    }
    update(seen, noise) {
      const total = this.variance + noise * noise;
      const gain = this.variance / total, speedGain = this.shared / total;
      const error = seen - this.value;
      this.value += gain * error;
      this.speed += speedGain * error;
      this.speedVariance -= speedGain * this.shared;
      this.shared *= 1 - gain;
      this.variance *= 1 - gain;
    }
    rescale(factor) {
      this.value *= factor;
      this.speed *= factor;
      this.variance *= factor * factor;
      this.shared *= factor * factor;
      this.speedVariance *= factor * factor;
    }
  };
  var Motion = class {
    constructor(box, k) {
      const [x, y, size] = measured(box);
      const side = Math.exp(size);
      this.k = k;
      this.x = new Axis(x, k.PLACE_NOISE * side, k.PLACE_SPEED * side);
      this.y = new Axis(y, k.PLACE_NOISE * side, k.PLACE_SPEED * side);
      this.size = new Axis(size, k.SIZE_NOISE, k.SIZE_SPEED);
    }
    get side() {
      return Math.exp(this.size.value);
    }
    predict(seconds) {
      if (seconds <= 0) return;
      const { k, side } = this;
      this.x.predict(seconds, k.PLACE_DRIFT * side, k.FADE);
      this.y.predict(seconds, k.PLACE_DRIFT * side, k.FADE);
      this.size.predict(seconds, k.SIZE_DRIFT, k.FADE);
    }
    update(box) {
      const [x, y, size] = measured(box);
      const noise = this.k.PLACE_NOISE * this.side;
      this.x.update(x, noise);
      this.y.update(y, noise);
      this.size.update(size, this.k.SIZE_NOISE);
    }
    // Twice the negative log likelihood of a box, but for a constant; FORBIDDEN beyond the gate.
    cost(box) {
      const { k } = this;
      const [x, y, size] = measured(box);
      const square = this.side ** 2;
      const spreadX = this.x.variance / square + k.PLACE_NOISE ** 2;
      const spreadY = this.y.variance / square + k.PLACE_NOISE ** 2;
      const spreadSize = this.size.variance + k.SIZE_NOISE ** 2;
      const away = (x - this.x.value) ** 2 / square / spreadX + (y - this.y.value) ** 2 / square / spreadY + (size - this.size.value) ** 2 / spreadSize;
      return away > k.GATE ? FORBIDDEN : away + Math.log(spreadX * spreadY * spreadSize);
    }
    rescale(x, y) {
      this.x.rescale(x);
      this.y.rescale(y);
      this.size.value += Math.log(x * y) / 2;
    }
  };
  var Tracker = class {
    constructor(k) {
      this.k = k;
      this.tracks = [];
      this.time = 0;
      this.next = 1;
    }
    update(boxes, time, [width, height]) {
      const { k } = this;
      if (this.shape && (width !== this.shape[0] || height !== this.shape[1]))
        for (const { motion } of this.tracks) motion.rescale(width / this.shape[0], height / this.shape[1]);
      this.shape = [width, height];
      let step = time - this.time;
      if (step > k.KEEP) step = k.PAUSE;
      this.time = time;
      for (const track of this.tracks) track.missing += step;
      this.tracks = this.tracks.filter((track) => track.missing <= k.KEEP);
      for (const { motion } of this.tracks) motion.predict(step);
      const costs = this.tracks.map(({ motion }) => boxes.map((box) => motion.cost(box)));
      const numbers = boxes.map(() => 0);
      for (const [row, column] of assign(costs)) {
        if (costs[row][column] >= FORBIDDEN) continue;
        const track = this.tracks[row];
        numbers[column] = track.number;
        track.motion.update(boxes[column]);
        track.missing = 0;
      }
      boxes.forEach((box, i) => {
        if (numbers[i]) return;
        numbers[i] = this.next++;
        this.tracks.push({ number: numbers[i], motion: new Motion(box, k), missing: 0 });
      });
      return numbers;
    }
  };
  function assign(costs) {
    const rows = costs.length, columns = rows && costs[0].length;
    if (!rows || !columns) return [];
    if (rows > columns) {
      const turned = costs[0].map((_, column) => costs.map((row) => row[column]));
      return assign(turned).map(([column, row]) => [row, column]);
    }
    const rowPrice = Array(rows + 1).fill(0), columnPrice = Array(columns + 1).fill(0);
    const taken = Array(columns + 1).fill(0), from = Array(columns + 1).fill(0);
    for (let row = 1; row <= rows; row++) {
      taken[0] = row;
      let column = 0;
      const least = Array(columns + 1).fill(Infinity), visited = Array(columns + 1).fill(false);
      do {
        visited[column] = true;
        const current = taken[column];
        let step = Infinity, next = 0;
        for (let other = 1; other <= columns; other++) {
          if (visited[other]) continue;
          const price = costs[current - 1][other - 1] - rowPrice[current] - columnPrice[other];
          if (price < least[other]) {
            least[other] = price;
            from[other] = column;
          }
          if (least[other] < step) {
            step = least[other];
            next = other;
          }
        }
        for (let other = 0; other <= columns; other++) {
          if (visited[other]) {
            rowPrice[taken[other]] += step;
            columnPrice[other] -= step;
          } else least[other] -= step;
        }
        column = next;
      } while (taken[column]);
      while (column) {
        taken[column] = taken[from[column]];
        column = from[column];
      }
    }
    return taken.flatMap((row, column) => column && row ? [[row - 1, column - 1]] : []);
  }

  // smoothing.js
  var argmax = (values) => values.indexOf(Math.max(...values));
  var EmotionSmoother = class {
    constructor(k) {
      this.k = k;
      this.tracker = new Tracker(k);
      this.states = /* @__PURE__ */ new Map();
    }
    // Faces with `box` and `probabilities`; gives them `person`, `label`, smoothed ones, and
    // those of before as `measured`.
    smooth(faces, time, size, smoothing) {
      const numbers = this.tracker.update(faces.map((face) => face.box), time, size);
      const smoothed = faces.map((face, i) => this.face(face, numbers[i], time, smoothing));
      const known = new Set(this.tracker.tracks.map((track) => track.number));
      for (const number of this.states.keys()) if (!known.has(number)) this.states.delete(number);
      return smoothed;
    }
    face(face, person, time, smoothing) {
      const now = face.probabilities;
      let state = this.states.get(person);
      if (!state) {
        state = { time, probabilities: now, label: argmax(now), challenger: null, since: 0 };
        this.states.set(person, state);
      } else {
        const weight = smoothing > 0 ? 1 - Math.exp(-(time - state.time) / smoothing) : 1;
        state.probabilities = state.probabilities.map((p, i) => p + weight * (now[i] - p));
        state.time = time;
        this.holdLabel(state, time);
      }
      const { probabilities, label } = state;
      return { ...face, person, probabilities, measured: now, label };
    }
    holdLabel(state, time) {
      const top = argmax(state.probabilities);
      if (top === state.label) return state.challenger = null;
      if (top !== state.challenger) Object.assign(state, { challenger: top, since: time });
      const lead = state.probabilities[top] - state.probabilities[state.label];
      if (lead >= this.k.LEAD || time - state.since >= this.k.PATIENCE)
        Object.assign(state, { label: top, challenger: null });
    }
  };

  // tflite.js
  function oneAtOnce(content2) {
    const view = new DataView(content2);
    const number = (at) => view.getUint32(at, true);
    const follow = (at) => at + number(at);
    const field = (table, place) => {
      const fields = table - view.getInt32(table, true);
      const slot = 4 + 2 * place;
      const offset = slot < view.getUint16(fields, true) ? view.getUint16(fields + slot, true) : 0;
      return offset ? follow(table + offset) : null;
    };
    const entries = (vector) => Array.from({ length: vector ? number(vector) : 0 }, (_, i) => vector + 4 + 4 * i);
    for (const graph of entries(field(follow(0), 2)))
      for (const tensor of entries(field(follow(graph), 0)))
        for (const dimension of entries(field(follow(tensor), 7)))
          if (view.getInt32(dimension, true) === -1) view.setInt32(dimension, 1, true);
    return new Uint8Array(content2);
  }

  // worker.js
  var SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  var ready;
  var canvas = new OffscreenCanvas(1, 1);
  var context = canvas.getContext("2d", { willReadFrequently: true });
  onmessage = async ({ data }) => {
    if (data.load) {
      try {
        if (!WebAssembly.validate(new Uint8Array(SIMD))) return postMessage({ failed: "simd" });
        ready = await load2(data.load);
        postMessage({ ready: true });
      } catch (error) {
        postMessage({ failed: "load", why: String(error) });
      }
    } else if (data.frame) {
      try {
        postMessage(await analyze(data), [data.frame]);
      } catch (error) {
        postMessage({ failed: "analysis", why: String(error) });
      }
    }
  };
  async function load2({ runtime, search, look, model, size, luma, k, framing }) {
    const files = fetched([runtime.wasm, search, look, model], (progress) => postMessage({ progress }));
    const quiet = () => {
    };
    self.Module = { wasmBinary: await unpacked((await files)[0]), print: quiet, printErr: quiet };
    await loadLiteRt(runtime.script);
    const network = async (content2, side) => {
      const compiled = await loadAndCompile(oneAtOnce(content2), { accelerator: "wasm" });
      return (values) => run(compiled, values, [1, side, side, 3]);
    };
    const [, a, b, c] = await files;
    const detector = new BlazeFace(
      new Network(await network(a, 256), 256, [[16, 2], [32, 6]]),
      new Network(await network(b, 128), 128, [[8, 2], [16, 6]]),
      k,
      framing
    );
    return { detector, classify: await network(c, size), smoother: new EmotionSmoother(k), size, luma };
  }
  async function run(compiled, values, shape) {
    const tensor = new Tensor(values, shape);
    const outputs = await compiled.run(tensor);
    const arrays = outputs.map((output) => output.toTypedArray().slice());
    tensor.delete();
    for (const output of outputs) output.delete();
    return arrays;
  }
  async function analyze({ frame, time, largest, smoothing, prior }) {
    const { detector, classify, smoother, size, luma } = ready;
    const start = performance.now();
    const { width, height } = frame;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(frame, 0, 0);
    const picture = context.getImageData(0, 0, width, height);
    const detections = await detector.detect(new Pyramid(picture), time);
    const detected = performance.now();
    const faces = [];
    for (const found of largest ? detections.slice(0, 1) : detections) {
      const { box, score, points } = found;
      const crop = cropFace(picture, found.frame, found.roll, size);
      const { sharpness, brightness } = quality(crop, size, luma);
      const [answer] = await classify(crop);
      const probabilities = assumed(Array.from(answer), prior);
      faces.push({ box, score, points, sharpness, brightness, probabilities });
    }
    const done = performance.now();
    return {
      faces: smoother.smooth(faces, time, [width, height], smoothing),
      time,
      width,
      height,
      frame,
      ms: { detect: detected - start, classify: done - detected, all: done - start }
    };
  }
})();
