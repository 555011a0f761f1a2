package sqlite
import ("testing";"time";"fmt";"context";"satgraph/graph/builtin";"reflect")
func TestZ(t *testing.T){
 p:=t.TempDir()+"/a/b.db"; ctx:=context.Background()
 for range 4 {
 t0:=time.Now(); s,err:=Open(ctx,p,Options{Seed:builtin.Snapshot}); if err!=nil{t.Fatal(err)}
 t1:=time.Now(); sn,err:=s.Load(ctx); if err!=nil{t.Fatal(err)}
 t2:=time.Now(); tr,err:=sn.Tree(); if err!=nil{t.Fatal(err)}
 t3:=time.Now(); tr.Lookup("heart"); t4:=time.Now(); tr.Search("heart v",5)
 fmt.Println("open",t1.Sub(t0),"load",t2.Sub(t1),"tree",t3.Sub(t2),"names",t4.Sub(t3),"words",time.Since(t4))
 b,_:=builtin.Snapshot(); fmt.Println(reflect.DeepEqual(b,sn), b.Revision,sn.Revision, len(sn.Terms)); s.Close()
 }
}
