//! The calls for which the binding has no form that fits: running one session from several threads
//! at once, on memory that requests own, into memory that replies own.
#![expect(unsafe_code, reason = "UNSAFETY: calls through the C interface of ONNX Runtime")]

use std::{
    ffi::{CStr, c_char, c_void},
    marker::PhantomData,
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use bytes::Bytes;
use ort::{
    AsPointer,
    memory::{Allocator, MemoryInfo},
    session::{RunOptions, Session},
    sys,
};
use smallvec::SmallVec;
use tensor::{DataType, Shape};

/// A tensor that the library made. Freed by whichever thread drops it: the library's allocators
/// lock themselves, and the tensor keeps its own.
#[derive(Debug)]
struct Value(NonNull<sys::OrtValue>);

// SAFETY: an `OrtValue` is a reference-counted box without ties to a thread.
unsafe impl Send for Value {}
// SAFETY: nothing here changes a value once `Feed::strings` has filled it.
unsafe impl Sync for Value {}

/// A tensor for the library to read, over memory that `'a` borrows.
#[derive(Debug)]
pub(super) struct Feed<'a> {
    value: Value,
    memory: &'a [u8],
}

/// A tensor that a run made; should it lie in the memory of an input, that outlives `'a`.
#[derive(Debug)]
pub(super) struct Output<'a> {
    value: Value,
    data: *const u8,
    in_input: bool,
    memory: PhantomData<&'a [u8]>,
}

/// Memory of an output, kept with its session until the last reply that shares it is gone.
struct OutputMemory {
    data: NonNull<u8>,
    len: usize,
    // Dropped in this order.
    _value: Value,
    _session: Arc<Session>,
}

// SAFETY: `data` points into memory that `_value` owns and nobody writes.
unsafe impl Send for OutputMemory {}
// SAFETY: as above.
unsafe impl Sync for OutputMemory {}

impl AsRef<[u8]> for OutputMemory {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `Output::into_bytes` took both from the value that is dropped with this.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the value came from the library and this is its only owner.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) }
    }
}

impl Value {
    fn from_out(value: *mut sys::OrtValue) -> Result<Self, ort::Error> {
        NonNull::new(value).map(Self).ok_or_else(|| ort::Error::new("no value was returned"))
    }

    fn data(&self) -> Result<*const u8, ort::Error> {
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: the value is alive and the out pointer is valid.
        check(unsafe { (ort::api().GetTensorMutableData)(self.0.as_ptr(), &raw mut data) })?;
        Ok(data.cast_const().cast())
    }
}

impl<'a> Output<'a> {
    fn new(value: Value, inputs: &[(&CStr, Feed<'a>)]) -> Result<Self, ort::Error> {
        let data = value.data()?;
        let in_input = inputs.iter().any(|(_, feed)| feed.memory.as_ptr_range().contains(&data));
        Ok(Self { value, data, in_input, memory: PhantomData })
    }

    /// Type and shape; no type where the library has one that requests cannot carry.
    pub(super) fn header(&self) -> Result<(Option<DataType>, Shape), ort::Error> {
        let mut element = 0_i32;
        let (mut dims, mut rank) = (ptr::null(), 0);
        // SAFETY: the value is alive and the out pointers are valid; the type is an `int` in C.
        check(unsafe {
            (ort::api().GetTensorElementTypeAndShapeDataReference)(
                self.value.0.as_ptr(),
                ptr::from_mut(&mut element).cast(),
                &raw mut dims,
                &raw mut rank,
            )
        })?;
        let shape = if rank == 0 {
            Shape::default()
        } else {
            // SAFETY: the library returned `rank` dimensions, which live as long as the value.
            let dims = unsafe { slice::from_raw_parts(dims, rank) };
            Shape::from_wire(dims).map_err(|error| ort::Error::new(error.to_string()))?
        };
        let is_element = |ty: &DataType| element_type(*ty) as i32 == element;
        Ok((DataType::ALL.into_iter().find(is_element), shape))
    }

    /// The elements of a tensor of fixed-size elements, without a copy unless they are an input's.
    pub(super) fn into_bytes(self, session: &Arc<Session>) -> Result<Bytes, ort::Error> {
        let (data_type, shape) = self.header()?;
        let size = data_type.and_then(DataType::size);
        let size = size.ok_or_else(|| ort::Error::new("elements without a fixed size"))?;
        let len = shape.elements() * size;
        let Some(data) = NonNull::new(self.data.cast_mut()).filter(|_| len > 0) else {
            return Ok(Bytes::new());
        };
        if self.in_input {
            // SAFETY: a tensor of this shape has so many bytes, in memory that outlives `'a`.
            let elements = unsafe { slice::from_raw_parts(self.data, len) };
            return Ok(Bytes::copy_from_slice(elements));
        }
        let session = Arc::clone(session);
        Ok(Bytes::from_owner(OutputMemory { data, len, _value: self.value, _session: session }))
    }

    /// The elements of a tensor of strings, one behind the other, and where each starts.
    pub(super) fn strings(&self) -> Result<(Vec<u8>, Vec<usize>), ort::Error> {
        let elements = self.header()?.1.elements();
        let value = self.value.0.as_ptr();
        let mut len = 0;
        // SAFETY: the value is alive and the out pointer is valid.
        check(unsafe { (ort::api().GetStringTensorDataLength)(value, &raw mut len) })?;
        let (mut bytes, mut starts) = (vec![0_u8; len], vec![0_usize; elements]);
        if elements > 0 {
            let (to, starts) = (bytes.as_mut_ptr().cast(), starts.as_mut_ptr());
            // SAFETY: both buffers are as long as is said; the library checks that they suffice.
            check(unsafe {
                (ort::api().GetStringTensorContent)(value, to, len, starts, elements)
            })?;
        }
        Ok((bytes, starts))
    }
}

/// Whether the library may read elements where `data` lies: aligned, and booleans are 0 or 1, for
/// in C++ anything else is no boolean and anything might happen.
pub(super) fn is_readable(data_type: DataType, data: &[u8]) -> bool {
    match data_type {
        DataType::Bool => data.iter().all(|byte| *byte <= 1),
        _ => data.as_ptr().addr().is_multiple_of(data_type.size().unwrap_or(1)),
    }
}

impl<'a> Feed<'a> {
    /// Fixed-size elements where they lie.
    ///
    /// # Panics
    ///
    /// If [`is_readable`] is false or the data is not exactly the shape.
    pub(super) fn borrowed(
        data_type: DataType,
        shape: &Shape,
        data: &'a [u8],
        memory: &MemoryInfo<'_>,
    ) -> Result<Self, ort::Error> {
        let size = data_type.size().expect("strings are not borrowed");
        assert_eq!(shape.elements() * size, data.len(), "the data is not the shape");
        assert!(is_readable(data_type, data), "unaligned data or no booleans");
        let dims: SmallVec<[i64; 6]> = shape.wire_dims().collect();
        let mut value = ptr::null_mut();
        // SAFETY: the data is readable, is as long as the shape says and lives for `'a`. The library
        // does not write to inputs: it plans their memory as "pre-existing" and never reuses it.
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.ptr(),
                data.as_ptr().cast_mut().cast(),
                data.len(),
                dims.as_ptr(),
                dims.len(),
                element_type(data_type),
                &raw mut value,
            )
        })?;
        Ok(Self { value: Value::from_out(value)?, memory: data })
    }

    /// Strings, which the library copies; exactly as many as the shape has elements.
    pub(super) fn strings<'s>(
        shape: &Shape,
        strings: impl Iterator<Item = &'s [u8]>,
    ) -> Result<Self, ort::Error> {
        let dims: SmallVec<[i64; 6]> = shape.wire_dims().collect();
        let allocator = Allocator::default();
        let mut value = ptr::null_mut();
        // SAFETY: the shape is as long as is said and the out pointer is valid.
        check(unsafe {
            (ort::api().CreateTensorAsOrtValue)(
                allocator.ptr().cast_mut(),
                dims.as_ptr(),
                dims.len(),
                element_type(DataType::Bytes),
                &raw mut value,
            )
        })?;
        let value = Value::from_out(value)?;
        for (index, string) in strings.enumerate() {
            let mut buffer: *mut c_char = ptr::null_mut();
            // SAFETY: nobody else has the value yet; the library checks the index.
            check(unsafe {
                (ort::api().GetResizedStringTensorElementBuffer)(
                    value.0.as_ptr(),
                    index,
                    string.len(),
                    &raw mut buffer,
                )
            })?;
            // SAFETY: the buffer was just made as long as the string.
            unsafe { ptr::copy_nonoverlapping(string.as_ptr(), buffer.cast(), string.len()) };
        }
        Ok(Self { value, memory: &[] })
    }
}

/// Runs a session; may be called from several threads at once. Returns the outputs named, in order.
pub(super) fn run<'a>(
    session: &Session,
    options: &RunOptions,
    inputs: &[(&CStr, Feed<'a>)],
    outputs: &[&CStr],
) -> Result<SmallVec<[Output<'a>; 4]>, ort::Error> {
    let input_names: SmallVec<[_; 8]> = inputs.iter().map(|(name, _)| name.as_ptr()).collect();
    let feeds: SmallVec<[_; 8]> =
        inputs.iter().map(|(_, feed)| feed.value.0.as_ptr().cast_const()).collect();
    let output_names: SmallVec<[_; 4]> = outputs.iter().map(|name| name.as_ptr()).collect();
    let mut values: SmallVec<[*mut sys::OrtValue; 4]> = SmallVec::new();
    values.resize(outputs.len(), ptr::null_mut());
    // SAFETY: the arrays are as long as is said and everything in them outlives the call. The
    // library allows concurrent runs of one session, and serialises those that its execution
    // providers cannot do at once.
    let status = unsafe {
        (ort::api().Run)(
            session.ptr().cast_mut(),
            options.ptr(),
            input_names.as_ptr(),
            feeds.as_ptr(),
            feeds.len(),
            output_names.as_ptr(),
            output_names.len(),
            values.as_mut_ptr(),
        )
    };
    // Before the status is looked at, so that nothing leaks when a run fails half-way.
    let values: SmallVec<[Option<Value>; 4]> =
        values.into_iter().map(|value| NonNull::new(value).map(Value)).collect();
    check(status)?;
    let missing = || ort::Error::new("the model left an output without a value");
    values.into_iter().map(|value| Output::new(value.ok_or_else(missing)?, inputs)).collect()
}

/// Names of the execution providers that the library was built with.
pub(super) fn available_providers() -> Result<Vec<String>, ort::Error> {
    let (mut names, mut len) = (ptr::null_mut(), 0);
    // SAFETY: the out pointers are valid.
    check(unsafe { (ort::api().GetAvailableProviders)(&raw mut names, &raw mut len) })?;
    let count = usize::try_from(len).unwrap_or(0);
    // SAFETY: the library returned so many pointers.
    let pointers = unsafe { slice::from_raw_parts(names, count) };
    let name = |name: &*mut c_char| {
        // SAFETY: each is a string with its end marked.
        let name = unsafe { CStr::from_ptr(*name) };
        name.to_string_lossy().into_owned()
    };
    let providers = pointers.iter().map(name).collect();
    // SAFETY: the array came from the library and is not used again.
    check(unsafe { (ort::api().ReleaseAvailableProviders)(names, len) })?;
    Ok(providers)
}

/// Description of ordinary memory.
pub(super) fn cpu_memory() -> Result<MemoryInfo<'static>, ort::Error> {
    use ort::memory::{AllocationDevice, AllocatorType, MemoryType};
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default)
}

fn element_type(data_type: DataType) -> sys::ONNXTensorElementDataType {
    use sys::ONNXTensorElementDataType as Element;
    match data_type {
        DataType::Bool => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        DataType::Uint8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        DataType::Uint16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
        DataType::Uint32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
        DataType::Uint64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
        DataType::Int8 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        DataType::Int16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,
        DataType::Int32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        DataType::Int64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        DataType::Fp16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        DataType::Bf16 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,
        DataType::Fp32 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        DataType::Fp64 => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        DataType::Bytes => Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
    }
}

fn check(status: sys::OrtStatusPtr) -> Result<(), ort::Error> {
    // SAFETY: every status was just returned by the library and comes here once.
    unsafe { ort::Error::result_from_status(status) }
}
