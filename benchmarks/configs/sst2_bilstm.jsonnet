// The shipped model, trained anew.
import '../../configs/sst2_bilstm.jsonnet'
